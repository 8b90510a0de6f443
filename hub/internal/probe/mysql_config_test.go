package probe

import (
	"testing"
	"time"
)

// The options of a MySQL URL are those of a DSN.
func TestMySQLOptions(t *testing.T) {
	for want, url := range map[string]string{
		"url: has a wrong value of the option tls; it is true, false, skip-verify or preferred":                                              "mysql://a/?tls=geheim",
		"url: has a wrong value of the option ssl-mode, or tls beside it; it is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY": "mysql://a/?ssl-mode=geheim",
		"url: has an option with a wrong value; the options are those of a DSN of Go's driver, such as ?charset=utf8mb4":                     "mysql://a/?parseTime=geheim",
	} {
		if _, err := New(&Spec{Type: "mysql", URL: url}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", url, err, want)
		}
	}
	if _, err := New(&Spec{Type: "mysql", URL: "mysql://a/?ssl-mode=REQUIRED&tls=true"}); err == nil {
		t.Error("two options that mean the same were taken")
	}
	limit := time.Second
	if _, err := New(&Spec{Type: "mysql", URL: "mysql://a/db?charset=utf8mb4&collation=utf8mb4_bin&readTimeout=" + limit.String()}); err != nil {
		t.Error(err)
	}
}
