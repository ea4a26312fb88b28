package clevertap

import "time"

// Report is what the uploads of one call came to.
type Report struct {
	Latencies          []time.Duration // one per HTTP answer or failure
	Uploads            int             // HTTP requests made
	CredentialsRefused map[string]int  // by the account's key: lanes that were stopped because of their credentials
	BreakerOpen        map[string]int  // by the account's key: lanes that an open breaker stopped or left alone
}

func (r *Report) attempted(took time.Duration) {
	r.Uploads++
	r.Latencies = append(r.Latencies, took)
}

func (r *Report) credentialsRefused(key string) {
	if r.CredentialsRefused == nil {
		r.CredentialsRefused = map[string]int{}
	}
	r.CredentialsRefused[key]++
}

func (r *Report) breakerOpen(key string) {
	if r.BreakerOpen == nil {
		r.BreakerOpen = map[string]int{}
	}
	r.BreakerOpen[key]++
}
