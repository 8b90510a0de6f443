// Package serverstest starts real servers for tests: PostgreSQL and PgBouncer, Redis, MariaDB,
// ClickHouse, and a proxy that makes trouble in between.
//
// Each server is the test's own: a process in a directory of its own, on a free
// port of the loopback interface. It is gone when the test ends, and also when
// the test's process dies. Its methods make the failures that happen in
// production: Stop and Start, Freeze and Thaw. A method that cannot do what it
// says fails the test, and so does a program that is not installed: a test that
// is skipped has tested nothing. `make servers` installs them on Debian.
//
// But for the proxy it is for Linux, where a process and all of its children can
// be found and stopped.
package serverstest
