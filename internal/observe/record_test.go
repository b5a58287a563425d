package observe_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/lighten/lighten/internal/observe"
)

func sample() observe.Record {
	return observe.Record{
		Version: 1, Arch: "amd64", Phases: []string{"start", "check 1: GET /\xff"},
		Paths: []observe.Path{
			{Name: "/bin/sh", Ops: observe.Exec},
			{Name: "/café", Ops: observe.Stat | observe.Connect, By: "/bin/sh"},
			{Name: "/caf\xe9", Ops: observe.Open | observe.Write, Phase: 1, By: "/bin/\xfe"},
			{Name: "/x<y>\"\\\u2028\ufffd", Ops: observe.List, By: "/bin/sh"},
		},
		Listens: []string{"tcp 0.0.0.0:80"}, Setuid: []string{"/bin/su"}, Notes: []string{"x"}, Events: 7, Unread: 1, Full: true, Untraced: "32-bit program",
	}
}

func TestRecordRoundTrip(t *testing.T) {
	for _, r := range []observe.Record{sample(), {Version: 1, Phases: []string{}, Paths: []observe.Path{}}} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := observe.ParseRecord(b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if !reflect.DeepEqual(*got, r) {
			t.Errorf("%+v\nwant %+v", *got, r)
		}
		var again observe.Record
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v %v", again, err)
		}
	}
}

func TestRecordJSON(t *testing.T) {
	b, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"arch":"amd64","phases":["start",{"base64":"Y2hlY2sgMTogR0VUIC//"}],"paths":[` +
		`{"name":"/bin/sh","ops":["exec"],"phase":0},` +
		`{"name":"/café","ops":["stat","connect"],"phase":0,"by":"/bin/sh"},` +
		`{"name":{"base64":"L2NhZuk="},"ops":["open","write"],"phase":1,"by":{"base64":"L2Jpbi/+"}},` +
		`{"name":"/x\u003cy\u003e\"\\\u2028` + "\ufffd" + `","ops":["list"],"phase":0,"by":"/bin/sh"}],` +
		`"listens":["tcp 0.0.0.0:80"],"setuid":["/bin/su"],"notes":["x"],"events":7,"unread":1,"full":true,"untraced":"32-bit program"}`
	if string(b) != want {
		t.Errorf("%s\nwant %s", b, want)
	}
}

func TestParseRecordRefuses(t *testing.T) {
	const head = `{"version":1,"arch":"amd64","phases":["start"],"events":1,"paths":`
	for in, want := range map[string]string{
		``:                        "unexpected end",
		`{"version":2}`:           "version 2 is unknown",
		`{"version":1,"extra":1}`: "unknown field",
		head + `[]} {}`:           "invalid character",
		head + `[{"name":"x","ops":["open"],"phase":0}]}`:                                         "not absolute",
		head + `[{"name":"/x","ops":[],"phase":0}]}`:                                              "in no way",
		head + `[{"name":"/x","ops":["read"],"phase":0}]}`:                                        `unknown op "read"`,
		head + `[{"name":"/x","ops":["stat","open"],"phase":0}]}`:                                 "out of order",
		head + `[{"name":"/x","ops":["open","open"],"phase":0}]}`:                                 "out of order",
		head + `[{"name":"/x","ops":["open"],"phase":1}]}`:                                        "phase 1 is none of 1",
		head + `[{"name":"/x\u0000","ops":["open"],"phase":0}]}`:                                  "zero byte",
		head + `[{"name":{"base64":"L3g="},"ops":["open"],"phase":0}]}`:                           "needs no base64",
		head + `[{"name":{"base64":"L/8=","x":1},"ops":["open"],"phase":0}]}`:                     "unknown field",
		head + `[{"name":"/y","ops":["open"],"phase":0},{"name":"/x","ops":["open"],"phase":0}]}`: "is not after",
		head + `[{"name":"/x","ops":["open"],"phase":0},{"name":"/x","ops":["open"],"phase":0}]}`: "is not after",
		head + `[{"name":"/` + strings.Repeat("x", 8192) + `","ops":["open"],"phase":0}]}`:        "longer than",
		head + `[],"listens":["b","a"]}`:                                                          "listens is not a sorted list",
		`{"version":1,"arch":"amd64","phases":["start"],"events":-1,"paths":[]}`:                  "negative",
		`{"version":1,"version":2,"arch":"amd64","phases":["start"],"events":1,"paths":[]}`:       "version 2",
	} {
		if _, err := observe.ParseRecord([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.120s: %v, want %s", in, err, want)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	b, err := json.Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := observe.ParseRecord(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		r2, err := observe.ParseRecord(again)
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		last, err := json.Marshal(r2)
		if err != nil || string(last) != string(again) {
			t.Errorf("%s\n%s %v", again, last, err)
		}
	})
}
