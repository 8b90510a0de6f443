package probe

import (
	"testing"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"
)

// The options of a MySQL URL are those of a DSN.
func TestMySQLOptions(t *testing.T) {
	for want, url := range map[string]string{
		"url: has a wrong value of the option tls; it is true, false, skip-verify or preferred":                                              "mysql://a/?tls=geheim",
		"url: has a wrong value of the option ssl-mode, or tls beside it; it is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY": "mysql://a/?ssl-mode=geheim",
		"url: has an option with a wrong value; the options are those of a DSN of Go's driver, such as ?charset=utf8mb4":                     "mysql://a/?parseTime=geheim",
		"url: has the option strict, which the driver no longer takes; use ?sql_mode='STRICT_ALL_TABLES'":                                    "mysql://a/?strict=true",
	} {
		if _, err := New(&Spec{Type: "mysql", URL: url}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", url, err, want)
		}
	}
	if _, err := New(&Spec{Type: "mysql", URL: "mysql://a/?ssl-mode=REQUIRED&tls=true"}); err == nil {
		t.Error("two options that mean the same were taken")
	}
	for option, meant := range map[string]string{
		"parsetime": "parseTime", "parse_time": "parseTime", "TLS": "tls", "sslmode": "ssl-mode", "ssl_mode": "ssl-mode",
		"read_timeout": "readTimeout", "chraset": "charset", "max_allowed_packet": "maxAllowedPacket",
	} {
		_, err := New(&Spec{Type: "mysql", URL: "mysql://a/?" + option + "=geheim"})
		wantFieldError(t, option, err, "url: has an unknown option; did you mean "+meant+"?")
	}
	for _, variable := range []string{"net_read_timeout", "net_write_timeout", "wait_timeout", "time_zone", "sql_mode", "character_set_results", "collation_connection", "timestamp"} {
		if _, err := New(&Spec{Type: "mysql", URL: "mysql://a/?" + variable + "=1"}); err != nil {
			t.Errorf("%s, a variable of the session: %v", variable, err)
		}
	}
	limit := time.Second
	if _, err := New(&Spec{Type: "mysql", URL: "mysql://a/db?charset=utf8mb4&collation=utf8mb4_bin&readTimeout=" + limit.String()}); err != nil {
		t.Error(err)
	}
}

// The options that are known are those that the driver does not take for variables.
func TestMySQLOptionsAreTheDrivers(t *testing.T) {
	for _, name := range mysqlOptions {
		config, err := sqldriver.ParseDSN("/?" + name + "=")
		own := name == "ssl-mode" || name == "socket"
		if variable := err == nil && config.Params != nil; variable != own {
			t.Errorf("%s is a variable for the driver: %t", name, variable)
		}
	}
}
