package main

import (
	"strings"
	"testing"
)

func TestReadOptions(t *testing.T) {
	tests := map[string]struct {
		environment map[string]string
		want        options // without the architecture, which is this machine's
		faults      []string
	}{
		"nothing set means the FIFO queue on the usual ports": {
			want: options{Queue: "fifo", Port: 4566, StandInPort: 9900},
		},
		"every variable counts": {
			environment: map[string]string{"ONCE": "1", "STRICT": "1", "OPERATE": "1", "HARDENED": "1", "QUEUE": "standard", "PORT": "5000", "STANDIN_PORT": "6000"},
			want:        options{Once: true, Strict: true, Operate: true, Hardened: true, Queue: "standard", Port: 5000, StandInPort: 6000},
		},
		"zero switches off": {
			environment: map[string]string{"ONCE": "0", "LIVE": "0"},
			want:        options{Queue: "fifo", Port: 4566, StandInPort: 9900},
		},
		"a live run takes the account from the environment": {
			environment: map[string]string{
				"LIVE": "1", "YES": "1", "CLEVERTAP_ACCOUNT_ID": "ABC", "CLEVERTAP_PASSCODE": "secret", "CLEVERTAP_REGION": "eu1",
			},
			want: options{
				Queue: "fifo", Port: 4566, StandInPort: 9900,
				Live: live{on: true, yes: true, accountID: "ABC", passcode: "secret", region: "eu1"},
			},
		},
		"every fault is named at once": {
			environment: map[string]string{"ONCE": "maybe", "QUEUE": "lifo", "PORT": "80", "STANDIN_PORT": "65535", "LIVE": "1", "OPERATE": "1"},
			faults:      []string{"OPERATE=1", "ONCE=maybe", "QUEUE=lifo", "PORT=80", "STANDIN_PORT=65535", "CLEVERTAP_PASSCODE"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readOptions(func(name string) string { return test.environment[name] })
			if len(test.faults) > 0 {
				for _, fault := range test.faults {
					if err == nil || !strings.Contains(err.Error(), fault) {
						t.Errorf("%q is not in %v", fault, err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got.Architecture = ""
			if got != test.want {
				t.Errorf("want %+v, got %+v", test.want, got)
			}
		})
	}
}
