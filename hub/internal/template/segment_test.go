package template

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestValues has segments as real services have them, each alone below /x/.
func TestValues(t *testing.T) {
	values := map[string]string{
		"numbers":     "0 42 -1 +7 3.14 1541815603606036480 4006381333931 00017",
		"lists":       "17,18 1;2;3 52.5200,13.4050 -33.9,151.2",
		"hex":         "bb6b426e72bf0549c29e facade12 deadbeefdeadbeef 0x1f2e3d4c 5d41402abc4b2a76b9719d911017c592 DEADBEE1",
		"digests":     "sha256:1e28c676d48cdce9a6fae03426b16d2d4dab3af873c122b21d65b77de64dac42 md5:5d41402abc4b2a76b9719d911017c592",
		"uuids":       "9b2c7d1e-0a4f-4f6e-8a1b-2c3d4e5f6a7b 9B2C7D1E-0A4F-4F6E-8A1B-2C3D4E5F6A7B urn:uuid:9b2c7d1e-0a4f-4f6e-8a1b-2c3d4e5f6a7b acme-0190f5fe-7c00-7a00-89ab-0123456789ab",
		"objects":     "507f1f77bcf86cd799439011 618f2f88cdf97de8aa54a122",
		"kinds":       "cus_9s6XKzkNRiz8i3 pi_3MtwBwLkdIwHu7ix28a3tqPa price_8VoJf2LtkIdRu4reGqwhbbiq key_live_8hR52KpVmzQ4xNtW7aGd i-0f1e2d3c4b5a69788 sg-903004f8 usr_12345",
		"numbered":    "ORD-2026-000123 PROJ-1234 PROJ-1 RF20261126001 INV_0042 inv-000123 order-10045 p1512085950000216",
		"tokens":      "K791JN68L dQw4w9WgXcQ V1StGXR8_Z5jdHi6B-myT 01jq0wmntbac1zzppy36q2phc7 01JQ0WMNTBAC1ZZPPY36Q2PHC7 0ujbaFjpcABl5XHuHkyDFAVwLOc 6v1m9vz7ur0m5h982w1p bg1h65eehb63rda6gvizps0h dGhpcyBpcyBhIHRlc3Q= GB29NWBK60161331926819",
		"pods":        "web-5d4f8c7b9d-x2x7k",
		"telephones":  "+49-30-1234567 +493012345678 030-1234567 978-3-16-148410-0",
		"addresses":   "10.0.0.1 2001:db8::1 ::1 fe80::beef 2001:db8::1:cafe 00:11:22:33:44:ff 00:1A:2B:3C:4D:5E 00-1a-2b-3c-4d-ff a+b@example.co.uk",
		"dates":       "2026-11 2026-11-26 26.11.2026 20261126 2026-330 2026-W48 2026-W48-4 2026-11-26T17:13:03+01:00 20261126T171303Z 2026_11_26",
		"days, apart": "2026-11-99 9026-11-23",
	}
	for kind, list := range values {
		for s := range strings.FieldsSeq(list) {
			if got := of("/x/" + s + "/y"); got != "/x/{id}/y" {
				t.Errorf("%s: %s is %s", kind, s, got)
			}
		}
	}
	names := "v1 v2.1 v1beta1 users oauth2 md5 2fa web3 mp3 h264 x509v3 utf8mb4 base64url i18n s3 ipv6 sha256 AES256GCM HTML5CSS3JS TLSv1_2 TLSv1_2_2021 " +
		"decade defaced deadbeef acceded en-US zh-Hant-TW favicon.ico .well-known wp-login.php openid-configuration robots.txt main.js app.min.css jquery-3.6.0.min.js " +
		"internationalization payment-methods feature-a release-2026 summer-2026 top-10-tips-for-2026 covid-19 area-51 UTF-8 utf-8 ISO-8859-1 iso-27001 rfc-9110 windows-1252 top-1000 SOC-2 v202311 k8s.io apiextensions.k8s.io " +
		"chat.postMessage getUserById2 OAuth2AuthorizationCode iPhone15ProMax s3UploadV2UrlSign EC2InstanceConnect x86Win64Sdk utf8ToHex2Bin B2BPortalV2 XMLHttpRequest2 PBKDF2WithHmacSHA1 JPEG2000ToPNG HTML5ToPDF UTF8ToUTF16LE EPSG4326ToEPSG3857 PAIN001V03 XiuGaiMiMaYanZhengMa 2026-WT1 2026-W " +
		"getHTTPSURLFromXMLDOM 5. - @bo bo@host 2026-q1 2026-11-23Tx1 activate:all a1 abc123 ListObjectsV2 com.example.api.v2.UserService"
	for s := range strings.FieldsSeq(names) {
		if got := of("/x/" + s + "/y"); got != "/x/"+s+"/y" {
			t.Errorf("%s is %s", s, got)
		}
	}
}

// TestWhatFollowsAValue keeps suffixes and actions.
func TestWhatFollowsAValue(t *testing.T) {
	for path, want := range map[string]string{
		"/files/1.pdf":    "/files/{id}.pdf",
		"/files/1.tar.gz": "/files/{id}.tar.gz", "/files/12345678.sql.gz": "/files/{id}.sql.gz", "/.gz": "/.gz", "/js.gz": "/js.gz",
		"/files/1.tar":                                    "/files/{id}.tar",
		"/avatars/618f2f88cdf97de8aa54a122.JPG":           "/avatars/{id}.JPG",
		"/js/main.3f2a9c1b.js":                            "/js/{id}.js",
		"/days/26.11.2026.csv":                            "/days/{id}.csv",
		"/v1/projects/118:undelete":                       "/v1/projects/{id}:undelete",
		"/o/9b2c7d1e-0a4f-4f6e-8a1b-2c3d4e5f6a7b:archive": "/o/{id}:archive",
		"/users/me.json":                                  "/users/me.json",
		"/users/anna@example.zip":                         "/users/{id}",
	} {
		if got := of(path); got != want {
			t.Errorf("%s is %s; want %s", path, got, want)
		}
	}
}

// TestVersions: what is a version in one place is a value in another.
func TestVersions(t *testing.T) {
	for path, want := range map[string]string{
		"/2.0/repositories/team": "/2.0/repositories/team",
		"2.0/repositories":       "2.0/repositories",
		"/x/2.0/repositories":    "/x/2.0/repositories",
		"/x/2.0":                 "/x/{id}", "/geo/52.52/13.40/x": "/geo/{id}/{id}/x", "/x/12.0/y": "/x/{id}/y",
		"/api/1/people/1":           "/api/1/people/{id}",
		"/rest/api/2/issue/PROJ-1":  "/rest/api/2/issue/{id}",
		"/api/2010-04-01/Accounts":  "/api/2010-04-01/Accounts",
		"/accounts/2010-04-01":      "/accounts/{id}",
		"/api/1234/people":          "/api/{id}/people",
		"/api/2026-11-26T10:00:00Z": "/api/{id}",
		"/42/people":                "/{id}/people",
		"/apis/apps/v1/namespaces":  "/apis/apps/v1/namespaces",
	} {
		if got := of(path); got != want {
			t.Errorf("%s is %s; want %s", path, got, want)
		}
	}
}

func of(raw string) string { return first(Path(raw)) }

// TestTokensThatLookRandom draws identifiers as common libraries do, and names of
// functions, as random as they can be. Of the former nearly all are values, of the latter none.
func TestTokensThatLookRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int, alphabet string) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	const digits, lower, upper = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	const tries = 2000
	for _, kind := range []struct {
		name  string
		make  func() string
		least int // of a hundred that are values
	}{
		{"ULID", func() string { return draw(26, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") }, 98},
		{"ULID, lower", func() string { return draw(26, "0123456789abcdefghjkmnpqrstvwxyz") }, 97},
		{"KSUID", func() string { return draw(27, digits+lower+upper) }, 97},
		{"NanoID", func() string { return draw(21, digits+lower+upper+"-_") }, 93},
		{"CUID2", func() string { return draw(24, digits+lower) }, 92},
		{"Firestore", func() string { return draw(20, digits+lower+upper) }, 90},
		{"22 of base 58", func() string { return draw(22, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz") }, 94},
		{"Stripe", func() string { return "cus_" + draw(14, digits+lower+upper) }, 85},
		{"32 bytes, base64url", func() string { return base64.RawURLEncoding.EncodeToString(bytes(32)) }, 99},
		{"20 bytes, hex", func() string { return fmt.Sprintf("%x", bytes(20)) }, 100},
	} {
		n := 0
		for range tries {
			if of("/x/"+kind.make()) == "/x/{id}" {
				n++
			}
		}
		t.Logf("%s: %.1f %%", kind.name, float64(n)*100/tries)
		if n*100 < kind.least*tries {
			t.Errorf("%s: %.1f %% are values; at least %d should be", kind.name, float64(n)*100/tries, kind.least)
		}
	}
	words := strings.Fields("Get List Create Update User Order Item Cart Invoice By Id With Filter Page Upload Batch Async Search Report Token Key Sign Verify " +
		"Customer Payment Method Webhook Event Stream Json Export Import Status Address Product Category Account Session Message Comment Project")
	marks := strings.Fields("V1 V2 2 3 Oauth2 S3 Ec2 K8s Sha256 Base64 Utf8 Http Xml Url Sql Html5 2FA MD5 API")
	for range tries {
		var parts []string
		for range 1 + r.IntN(2) {
			parts = append(parts, marks[r.IntN(len(marks))])
		}
		for range 1 + r.IntN(4) {
			parts = append(parts, words[r.IntN(len(words))])
		}
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		name := strings.Join(parts, "")
		spellings := []string{name, strings.ToLower(strings.Join(parts, "-")), strings.Join(parts, "_")}
		if len(strings.Trim(name, "0123456789")) > 0 && strings.Count(strings.Join(parts, " "), " ") < 4 {
			spellings = append(spellings, strings.ToLower(name), strings.ToUpper(name))
		}
		for _, s := range spellings {
			if of("/x/"+s) != "/x/"+s {
				t.Errorf("%s is a value", s)
			}
		}
	}
}
