"""What a function does in vCenter: the only package that talks to it.

api            VCenter, which handlers are given, and VCenters, which knows which one an event is of
tags           vcenter.tags; tag_finder and lookup find a tag by its name (tag_names)
rest           vcenter.rest
attributes     vcenter.attributes; alarms is vcenter.alarms
soap           vcenter.soap; soap_session, soap_stub and objects are what needs pyVmomi, imported when first used
client         the session over REST; answers reads what vCenter answers, dialects has the API's two spellings
account        the credentials of both sessions, and the refusals that they share
transport      how vCenter is reached
"""
