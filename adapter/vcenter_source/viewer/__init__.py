"""The event viewer: a page that shows what happens in vCenter, what became of it, and where the time went.

``feed`` keeps the last events and their states, ``rows`` and ``rates`` are what the page shows of them; ``spans`` keeps
traces, ``trigger`` makes Triggers; ``server`` and ``stream`` serve it all, past the checks of ``guard``. The page is in
``page/``.
"""
