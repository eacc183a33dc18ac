"""VI/JSON: vim25 as JSON over HTTP, from vCenter 8.0 U1 on, beside SOAP and with the same sessions and handlers.

Sources: the reference "Virtual Infrastructure JSON API" (developer.broadcom.com, 8.0.1.0 to 9.1.0.0), its introduction
for hello, URLs and login; the Web Services Programming Guide 8.0, "JSON protocol"; govmomi's client
(``vim25/soap/json_client.go``) and the answers of a real vCenter in its ``vim25/types/testdata``; the client vim_rs.
Where they say nothing, what users of an 8.0.3 report stands beside the code.
"""
