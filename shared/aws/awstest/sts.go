package awstest

import "fmt"

// STS is AWS Security Token Service, as far as it says who calls.
type STS struct {
	Service
	caller string
}

const callerIdentity = "GetCallerIdentity"

func newSTS() *STS {
	s := &STS{caller: "arn:aws:sts::" + Account + ":assumed-role/Marketing/marie"}
	s.scope = "sts"
	s.errorForm = "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>"
	s.operations = map[string]operation{callerIdentity: typed(&s.Service, func(*struct{}) (any, error) {
		return fmt.Sprintf("<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn></GetCallerIdentityResult>"+
			"</GetCallerIdentityResponse>", s.caller), nil
	})}
	return s
}

// SignIn makes somebody else the one who calls.
func (s *STS) SignIn(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.caller = arn
}
