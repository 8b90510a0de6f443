package probe

import (
	"cmp"
	"strings"

	"github.com/kymohq/kymo/health"
)

// target is what a check probes: its type and where it is, without secrets.
type target struct{ kind, at string }

// tell returns the error of a run with the reason that people read, which is one sentence:
// what was asked, what came, and what to do, as in
//
//	redis at cache:6379: connection refused; check that it is running and listens there
func (t target) tell(err error) error {
	if err == nil {
		return nil
	}
	text := t.kind + " at " + t.at + ": " + err.Error()
	if remedy := t.remedy(err.Error()); remedy != "" {
		text += "; " + remedy
	}
	switch health.StatusOf(err) {
	case health.Degraded:
		return health.Degradedf("%s", text)
	case health.Unknown:
		return health.Unknownf("%s", text)
	}
	return reason(text)
}

// reason is an error whose text tells everything, also when the time of the run is up.
type reason string

// Error implements error.
func (r reason) Error() string { return string(r) }

// Late tells package health that the text is to be kept.
func (r reason) Late() bool { return true }

// remedy returns what to do about what came: that of the phrase that comes first in it,
// since of several problems the gravest is the first; the longest of those at one place.
// It is "" if the text itself tells.
func (t target) remedy(came string) string {
	first, length := len(came), 0
	found := cmp.Or(fallbacks[t.kind], "see its log")
	for _, some := range [][]advice{everyAdvice, kindAdvice[t.kind]} {
		for _, a := range some {
			at := strings.Index(came, a.phrase)
			if at >= 0 && (at < first || at == first && len(a.phrase) > length) {
				first, length, found = at, len(a.phrase), a.remedy
			}
		}
	}
	return found
}

// advice is what to do about results with a phrase; "" if the result itself tells.
type advice struct{ phrase, remedy string }

// fallbacks are the remedies of types for results that have none of their own.
var fallbacks = map[string]string{
	"http": "correct json, or the server",
	"disk": "check the rights of the hub's user",
}

var everyAdvice = []advice{
	{"connection refused", "check that it is running and listens there"},
	{"no such host", "correct the host, or add it to the name server"},
	{"the name server has no address", "check the name server, or give an IP address"},
	{"no route to host", "check the network and the firewall"},
	{"timed out", "check the network and the firewall"},
	{"connection closed by the server", "see its log"},
	{"no answer within", "check its load, or raise timeout"},
	{"no answer in time", "check its load, or raise timeout"},
	{"stopped before there was an answer", "wait for the next run"},
	{"there is no socket", "check that it is running, and the path in url"},
	{"the hub may not open the socket", "give its user the right to"},

	{"certificate signed by an unknown authority", "set tls.ca to the certificate of that authority"},
	{"certificate is for another host", "set tls.server_name to a name that it has, or renew it"},
	{"certificate has expired", "renew it"},
	{"certificate expires in", "renew it"},
	{"certificate is not valid before", "wait until then, or check the clocks"},
	{"certificate is not valid:", "renew it"},
	{"the server does not speak TLS", "check the port, or leave TLS out of url"},
	{"the TLS handshake failed", "compare tls.min_version, tls.cert and tls.key with what it requires"},
	{"tls.ca", ""},
	{"tls.cert", ""},
	{"tls.key", ""},

	{"answered 401", "send what it requires with headers"},
	{"answered 403", "send what it requires with headers"},
	{"answered 404", "correct the path in url"},
	{"answered 429", "raise interval, or its limit"},
	{"answered 5", "see its log"},
	{"redirected to another host, which", ""},
	{"redirected to another host, write", ""},
	{"redirected to another host, with the body", "correct url, or leave body out"},
	{"redirected to something", "correct url, or the server"},
	{"more than 10 redirects", "correct the redirects of the server"},
	{"the server does not speak HTTP", "check the port"},
	{"does not contain", "correct contains, or the server"},
	{"do not contain", "correct contains, or the server"},
}

// databaseAdvice is for what databases and caches have in common.
var databaseAdvice = []advice{
	{"password authentication failed", "correct the user and the password in url"},
	{"too many connections", "close some, or raise its limit"},
	{"connections used", "close some, or raise its limit"},
	{"replication is", "check the replica and its primary"},
	{"how far", ""}, // it names the right to grant
	{"read-only", "check that url leads to the primary"},
	{"this is not", "check the port"},
	{"query:", "correct query, or the rights of its user"},
	{"the query leaves a transaction open", "end it with COMMIT"},
	{"does not exist", "correct url, or create it"},
	{"Unknown database", "correct url, or create it"},
	{"Unknown system variable", "correct the options in url"},
	{"from its primary", "check the primary, and the network between them"},
	{"connection to its primary", "check the primary, and the network between them"},
}

var redisAdvice = []advice{
	{"the server requires a password", "give one in url, as in redis://:password@host"},
	{"the url has a password", "leave it out"},
	{"loading its data into memory", "wait until it is done"},
	{"of its memory limit used", "free some, or raise maxmemory"},
	{"OOM command not allowed", "free memory, or raise maxmemory"},
	{"the scratch key", "find out what else writes it"},
	{"NOPERM", "grant the command, and its keys, to the user of url"},
	{"the server does not speak the protocol of Redis", "check the port"},
	{"unknown command 'SENTINEL'", "write redis:// for a server that is no sentinel"},
	{"INFO, which the user may not use", "grant it with +info"},
	{"CLUSTER SLOTS, which", ""},
	{"DB index is out of range", "correct the number of the database in url"},
	{"cluster support disabled", "write redis:// for a server that is in no cluster"},
	{"the sentinels know no", "correct the name of the primary in url"},
	{"the cluster takes no queries", "start the nodes that are missing, or assign the slots"},
	{"slots are served", "start the nodes that are missing, or assign the slots"},
	{"primaries do not answer", "check that these nodes are running"},
}

// modelAdvice is for what all model servers have in common.
var modelAdvice = []advice{
	{"loading", "wait, or see its log"},
	{"the server has no such model", "correct models, or load it"},
	{"the server rejects the key", "correct key"},
	{"rate limited", "raise interval, or its limit"},
	{"output shape is", "correct canary.shape, or the model"},
	{"inference took", "check its load, or raise canary.budget"},
	{"inference answered", "correct canary.body, or see its log"},
	{"the answer to the inference", "correct canary.body, or canary.shape"},
	{"the answer to /", "check that url leads to a server of this type"},
	{"does not speak the protocol", "check that url leads to a server of this type"},
	{"the answer lists no version", "load one"},
	{"some models have fewer workers", "see its log, or scale the workers"},
	{"workers are ready", "see its log, or scale the workers"},
	{"no workers", "scale the workers"},
	{"the management API does not list", "correct management in url"},
	{"requests are waiting", "add servers, or raise max_queue"},
	{"of the KV cache is used", "add servers, or raise max_cache"},
	{"which max_queue needs", "leave max_queue out, or turn on its metrics"},
	{"which max_cache needs", "leave max_cache out, or turn on its metrics"},
	{"needs the metrics at", "turn them on, or correct metrics in url"},
}

// kindAdvice is for results of one type.
var kindAdvice = map[string][]advice{
	"postgres":   databaseAdvice,
	"mysql":      databaseAdvice,
	"redis":      append(redisAdvice, databaseAdvice...),
	"clickhouse": databaseAdvice,
	"http": {
		{"answered", "correct url, or list it under status"},
		{"answered 5", "see its log"},
		{"body is", "correct json, or the server"},
	},
	"grpc": {
		{"the service is", "see its log"},
		{"the server knows no service", "correct service"},
		{"the server does not report its health", "register the health service, or use a check of type tcp"},
		{"permission denied", ""},
		{"the server does not speak gRPC here", "check the port"},
	},
	"dns": {
		{" record", "add it, or correct the name and the type in url"},
		{"connection refused by the name server", "check that it is running"},
		{"the answer has no", "correct expect, or the record"},
		{"the name server does not answer", "check that it is running, and the network"},
	},
	"disk": {
		{"% free", "free some space"},
		{"there is no", "correct path"},
		{"without a size", "choose another path"},
	},
	"kserve":     modelAdvice,
	"torchserve": append([]advice{{"the server says", "see its log"}}, modelAdvice...),
	"tfserving":  append([]advice{{"the model is in state", "see its log, or load it again"}}, modelAdvice...),
	"openai":     modelAdvice,
	"service": {
		{" is down", "see its own checks"},
		{" is degraded", "see its own checks"},
		{" is unknown", "see its own checks"},
		{"says", "see its own checks"},
		{"says its status is", ""},
		{"says it is healthy, but", "see its log"},
		{"; expected JSON", ""},
	},
}
