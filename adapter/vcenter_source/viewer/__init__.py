"""The event viewer: a page that shows what happens in vCenter, what became of it, and where the time went.

``feed`` keeps the last events and their states, ``summary`` and ``histogram`` are what the list and the header show of
them; ``spans`` keeps traces, ``trigger_form`` makes Triggers. ``viewer`` puts them together; ``api``, ``event_stream``
and ``server`` serve them behind the checks of ``guard``. ``start`` makes it all from the settings. The page is in
``page/``.
"""
