//go:build template

package main_test

import "maps"

// hardeningIsOptional compares what the parameters switch on with what they leave alone.
func hardeningIsOptional(s stack) []string {
	var f faults
	on := s.parameters["DomainName"] != ""
	pick := func(value any) any {
		if on {
			return value
		}
		return nil
	}
	functions := s.of("AWS::Lambda::Function")
	f.want("receivers at once", pick("20"), functions["Receiver"]["ReservedConcurrentExecutions"])
	f.want("forwarders at once", pick(15), functions["Forwarder"]["ReservedConcurrentExecutions"])
	for name, function := range functions {
		f.want(name+": tracing", pick("Active"), at(function, "TracingConfig", "Mode"))
	}
	for name, stage := range s.of("AWS::ApiGatewayV2::Stage") {
		f.want(name+": throttle", pick(node{"ThrottlingRateLimit": "50", "ThrottlingBurstLimit": "50"}), pick(stage["DefaultRouteSettings"]))
		f.when(!on && stage["DefaultRouteSettings"] != nil, "%s: throttled without being asked", name)
	}

	domains := map[string]node{}
	maps.Copy(domains, s.of("AWS::ApiGatewayV2::DomainName"))
	maps.Copy(domains, s.of("AWS::ApiGatewayV2::ApiMapping"))
	if !on {
		f.want("domains and their mappings", 0, len(domains))
		return f
	}
	f.want("domains and their mappings", 2, len(domains))
	f.want("domain", "hooks.example.com", domains["Domain"]["DomainName"])
	f.want("domain's configuration", []any{node{
		"CertificateArn": s.parameters["CertificateArn"], "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2",
	}}, domains["Domain"]["DomainNameConfigurations"])
	f.want("mapping", node{"ApiId": "Api", "DomainName": "Domain", "Stage": "ApiApiGatewayDefaultStage"}, domains["DomainMapping"])
	return f
}
