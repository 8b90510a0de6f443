package remote

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckURL(t *testing.T) {
	for _, url := range []string{
		"postgres://", "postgres://db", "postgres:///kymo", "postgres://db:5432/kymo", "postgres://me@db/kymo?sslmode=disable&search_path=%22a%20b%22",
		"postgres://me:p%40s%2Fs%3Fw%23%25@db,[::1]:5433,10.0.0.1/kymo", "postgres://me:a:b!$&'()*+,;=-._~@db", "postgres://%2Frun%2Fpostgresql/kymo",
		"postgres://me:@my_db-1.internal./kymo?", "clickhouse://[fe80::1%25eth0]:9000/kymo?cluster=main",
	} {
		if err := CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, password := range []string{
		"cor@n", "cor@n@apple", "cor/n", "cor/n@apple", "cor?n", "cor?n=1", "cor#n", "cor%n", "cor%zz", "12/n@apple", "12?n=@apple", "12#n", "cor n", "cor\"n", "cor[n", "cor^n", "cor\\n", "cor\nn",
	} {
		for _, url := range []string{"postgres://me:" + password + "@db:5432/kymo", "clickhouse://me:" + password + "@db,other/kymo?cluster=main"} {
			switch err := CheckURL(url); {
			case err == nil:
				t.Errorf("%q is taken", url)
			case !strings.Contains(err.Error(), "percent-encoded") || strings.Contains(err.Error(), "cor") || strings.Contains(err.Error(), "apple"):
				t.Errorf("%q: %v", url, err)
			}
		}
	}
	for _, url := range []string{"postgres://me:corn/kymo", "postgres://me:corn", "postgres://db:5432corn/kymo", "postgres://[::1/kymo", "postgres://co$rn/kymo"} {
		if err := CheckURL(url); err == nil || strings.Contains(err.Error(), "corn") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if err := CheckURL("postgres://db/kymo?password=a&pple"); err == nil || strings.Contains(err.Error(), "pple") {
		t.Errorf("an option without a value: %v", err)
	}
}

// What is said to a user whose password is also the name of the role stays readable.
func TestAdviceIsNotRedacted(t *testing.T) {
	e := Errors{Password: "kymo"}
	if got := e.Redact(AdviceError("GRANT CREATE ON SCHEMA public TO kymo")).Error(); got != "GRANT CREATE ON SCHEMA public TO kymo" {
		t.Error(got)
	}
	if got := e.Redact(errors.New("no password kymo")).Error(); got != "no password xxxxx" {
		t.Error(got)
	}
}
