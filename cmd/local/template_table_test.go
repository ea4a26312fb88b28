//go:build template

package main_test

func subscriberTableIsKept(s stack) []string {
	var f faults
	tables := s.of("AWS::DynamoDB::Table")
	if s.parameters["Subscribers"] == "off" {
		f.want("tables", 0, len(tables))
		return f
	}
	f.want("tables", 1, len(tables))
	table := tables["SubscribersTable"]
	f.when(table["TableName"] != nil, "a table that stayed would be in the way of a new one of its name")
	f.want("billing", "PAY_PER_REQUEST", table["BillingMode"])
	f.want("key", []any{node{"AttributeName": "subscriber", "KeyType": "HASH"}}, table["KeySchema"])
	f.want("attributes", []any{node{"AttributeName": "subscriber", "AttributeType": "S"}}, table["AttributeDefinitions"])
	f.want("expiry", node{"AttributeName": "expires", "Enabled": true}, table["TimeToLiveSpecification"])
	f.want("recovery", true, at(table, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"))
	f.want("encryption", true, at(table, "SSESpecification", "SSEEnabled"))
	f.want("DeletionPolicy", "RetainExceptOnCreate", at(s.resources, "SubscribersTable", "DeletionPolicy"))
	f.want("UpdateReplacePolicy", "Retain", at(s.resources, "SubscribersTable", "UpdateReplacePolicy"))
	return f
}
