// Package clevertaptest is a strict stand-in for CleverTap's upload and delete endpoints.
//
// It promises to refuse whatever CleverTap is known to refuse, in CleverTap's words and codes, to take the harsher side
// where CleverTap is unknown, and to list as objections what CleverTap would presumably take and then spoil in silence.
// It goes wrong on demand, repeatably, in every way that a network or a vendor can. It records what was stored, whatever
// it answered: assertions go by the former. It keeps rules of its own and shares none with package clevertap, so that a
// mistake there cannot hide itself here. It does not deduplicate, trigger campaigns or apply a schema.
//
// # In Go
//
// A [Server] is an http.Handler. [Server.Transport] calls it without a network, in virtual time too; [Server.Listen] and
// [Server.ListenTLS] put it on loopback. [Server.AddFault] makes it fail, [Server.Records] and its neighbours show what
// arrived, [Server.Reset] starts afresh.
//
// A request is refused by the first rule it breaks: path and method, credentials, places in flight, headers, size, JSON.
// Faults other than [Expire] and [Throttle] befall only requests that keep all of these, and count only them.
//
// # Over HTTP
//
// [Server.Admin] offers the same as JSON. Each GET takes ?account=ID to narrow its list. The keys are those of the Go types.
//
//	GET    /health      {"status":"ok"}
//	GET    /records     list of Record; also ?after=NUMBER, ?id=ID and ?key=identity|objectId
//	GET    /requests    list of Request; duration as "1.5ms", passcodes masked
//	GET    /objections  list of Objection: {"account","request","position","rule","key"}
//	GET    /profiles    list of Profile: {"account","key","id","data":{…},"unknown","request","records"}
//	GET    /duplicates  list of Duplicate: {"account","event_id","name","first","number"}
//	GET    /deletions   list of Deletion: {"account","request","time","key","id"}
//	GET    /revenue     list of Revenue: {"account","currency","amount":"49.99","count"}
//	GET    /accounts    list of Summary: figures per account, refusals by code, highest in flight
//	POST   /accounts    one Account: {"id","region","passcodes":[…],"limits":{"in_flight":3}, …}; adds or changes it
//	POST   /faults      a Fault or a list of them: {"kind":"status","status":429,"count":3,"retry_after":"1"}
//	DELETE /faults      ends all faults
//	POST   /reset       forgets everything recorded
//
// A Record is {"number","account","request","position","time","type","key","id","name","event_id","raw"}, with "raw" the
// bytes as sent, in a JSON string; with digests instead of bodies it has "digest", hexadecimal SHA-256. A command answers
// {"status":"ok"}, or 400 and {"error":"…"}.
package clevertaptest
