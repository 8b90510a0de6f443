package probe

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	sqldriver "github.com/go-sql-driver/mysql"

	"github.com/kymohq/kymo/hub/internal/nearest"
)

// mysqlOptions are the options of a URL that are not variables of the session.
var mysqlOptions = []string{
	"allowAllFiles", "allowCleartextPasswords", "allowFallbackToPlaintext", "allowNativePasswords", "allowOldPasswords",
	"checkConnLiveness", "clientFoundRows", "charset", "collation", "columnsWithAlias", "compress", "connectionAttributes",
	"interpolateParams", "loc", "maxAllowedPacket", "multiStatements", "parseTime", "readTimeout", "rejectReadOnly",
	"serverPubKey", "socket", "ssl-mode", "timeTruncate", "timeout", "tls", "writeTimeout",
}

// misspelt returns the option that one of the URL's was probably meant to be, or "". The
// driver would take that one for a variable of the session. Only one edit is allowed,
// since wait_timeout, which is a variable, is two from writeTimeout.
func misspelt(options url.Values) string {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		near := nearest.Likely(name, mysqlOptions)
		if near != "" && near != name && name != "sql_mode" && nearest.Edits(name, near) <= 1 {
			return near
		}
	}
	return ""
}

// mysqlModes are MySQL's own names of the option tls, which it calls ssl-mode.
var mysqlModes = map[string]string{
	"DISABLED": "false", "PREFERRED": "preferred", "REQUIRED": "skip-verify", "VERIFY_CA": "true", "VERIFY_IDENTITY": "true",
}

// mysqlConfig returns how to connect. The options of the URL are those of the driver's
// DSN, and MySQL's socket and ssl-mode. Any other is a variable of the session, as it is
// in the DSN.
func mysqlConfig(s *Spec, a *address) (*sqldriver.Config, error) {
	network, addr, name, err := a.one()
	if err != nil {
		return nil, err
	}
	options := a.options
	if meant := misspelt(options); meant != "" {
		return nil, wrong("url", "has an unknown option; did you mean %s? Letters must be upper or lower case as here", meant)
	}
	if options.Has("strict") { // at which the driver panics
		return nil, wrong("url", "has the option strict, which the driver no longer takes; use ?sql_mode='STRICT_ALL_TABLES'")
	}
	mode := options.Get("tls")
	if own := options.Get("ssl-mode"); own != "" {
		if mode = mysqlModes[strings.ToUpper(own)]; mode == "" || options.Has("tls") {
			return nil, wrong("url", "has a wrong value of the option ssl-mode, or tls beside it; it is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY")
		}
	}
	for _, own := range []string{"tls", "ssl-mode", "socket"} {
		options.Del(own)
	}
	config, err := sqldriver.ParseDSN("/?" + options.Encode())
	if err != nil { // which quotes the value
		return nil, wrong("url", "has an option with a wrong value; the options are those of a DSN of Go's driver, such as ?charset=utf8mb4")
	}
	config.Net, config.Addr, config.DBName = network, addr, a.path
	config.User, config.Passwd = a.user, a.password

	secure, err := newSecure(s.TLS, mode == "skip-verify" || mode == "preferred")
	if err != nil {
		return nil, err
	}
	if secure.given() {
		mode = cmp.Or(mode, "true")
	}
	switch mode {
	case "", "false":
		if secure.given() {
			return nil, unusedTLS("its option tls must not be false")
		}
	case "true", "skip-verify", "preferred":
		config.TLS = secure.config(name)
		config.AllowFallbackToPlaintext = mode == "preferred"
	default:
		return nil, wrong("url", "has a wrong value of the option tls; it is true, false, skip-verify or preferred")
	}
	return config, nil
}
