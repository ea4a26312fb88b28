package clevertap_test

import (
	"testing"

	"github.com/purchasely-clevertap/bridge/shared/clevertap"
)

func TestReservedEvent(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"Notification Sent": true, "notificationsent": true, "APP LAUNCHED": true, "Identity Error": true, "wzrk_d": true,
		"SCCampaignOptOut": true, "Partner Sync": true, "Web Page Viewed": true, "webpageviewed": true, "stayed": true,
		"Charged": false, "SUBSCRIPTION_STARTED": false, "App_Launched": false, "": false, "Appt Launched": false,
		"a name that is longer than the room which the check keeps for it on its stack": false,
	}
	for name, want := range tests {
		if got := clevertap.ReservedEvent(name); got != want {
			t.Errorf("%q reserved: %t", name, got)
		}
	}
}

func TestReservedProfileKey(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"Name": true, "email": true, "PHONE": true, "customertype": true, "Customer Type": true, "dob": true, "tz": true,
		"MSG-email": true, "msg-anything": true, "M S G -x": true, "category-unsubscribe": true, "Category-Resubscribe": true,
		"identity": true, "objectid": true, "objectId": true, "fbid": true, "GPID": true,
		"MSG_email": false, "plan": false, "": false, "store_name": false, "Premium": false,
	}
	for name, want := range tests {
		if got := clevertap.ReservedProfileKey(name); got != want {
			t.Errorf("%q reserved: %t", name, got)
		}
	}
}
