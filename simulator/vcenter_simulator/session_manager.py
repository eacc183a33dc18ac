"""SessionManager: logging in and out, with the events that these post."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.call import Call
from vcenter_simulator.sessions import Session
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import reference, vim, vmodl

_LOCALE = "en"


def login(call: Call, username: str, password: str, _locale: str | None) -> Any:
    """SessionManager.Login. Raises InvalidLogin for a wrong password, and for a second login in one session.

    Raises NoPermission for an account that has none on anything.
    """
    account = None if call.session else call.vcenter.accounts.check(username, password or "")
    if account is None:
        event = vim.event.BadUsernameSessionEvent(ipAddress=call.address)
        call.vcenter.events.post(event, username)
        raise vim.fault.InvalidLogin(msg="Cannot complete login due to an incorrect user name or password.")
    if not account.may_enter:
        root = call.vcenter.inventory.root
        raise vim.fault.NoPermission(
            object=reference(root.type, root.moid),
            privilegeId="System.View",
            msg="Permission to perform this operation was denied.",
        )
    sessions = call.vcenter.sessions
    call.session = sessions.open(account, "vim", address=call.address, agent=call.agent, token=call.cookie)
    _post_login(call.vcenter, call.session)
    return user_session(call.session)


def _post_login(vcenter: Vcenter, session: Session) -> None:
    event = vim.event.UserLoginSessionEvent(
        ipAddress=session.address, userAgent=session.agent, locale=_LOCALE, sessionId=session.key
    )
    vcenter.events.post(event, session.account.username)


def logout(call: Call) -> None:
    """SessionManager.Logout."""
    _end(call.vcenter, call.owner)


def _end(vcenter: Vcenter, session: Session) -> None:
    vcenter.sessions.close(session)
    event = vim.event.UserLogoutSessionEvent(
        ipAddress=session.address,
        userAgent=session.agent,
        callCount=session.calls,
        sessionId=session.key,
        loginTime=session.login_time,
    )
    vcenter.events.post(event, session.account.username)


def session_is_active(call: Call, key: str, username: str) -> bool:
    """SessionManager.SessionIsActive."""
    session = call.vcenter.sessions.with_key(key)
    return session is not None and session.account.username.lower() == username.lower()


def terminate(call: Call, keys: list[str]) -> None:
    """SessionManager.TerminateSession. Raises NotFound for an unknown session, InvalidArgument for the own one."""
    for key in keys:
        session = call.vcenter.sessions.with_key(key)
        if session is None:
            raise vim.fault.NotFound(msg=f"There is no session {key}.")
        if session is call.session:
            raise vmodl.fault.InvalidArgument(invalidProperty="sessionId", msg="A session cannot terminate itself.")
        _end(call.vcenter, session)


def user_session(session: Session) -> Any:
    """A session as UserSession."""
    return vim.UserSession(
        key=session.key,
        userName=session.account.username,
        fullName=session.account.username.partition("@")[0].title(),
        loginTime=session.login_time,
        lastActiveTime=session.last_active,
        locale=_LOCALE,
        messageLocale=_LOCALE,
        extensionSession=False,
        ipAddress=session.address,
        userAgent=session.agent,
        callCount=session.calls,
    )


METHODS: dict[str, Callable[..., Any]] = {
    "Login": login,
    "Logout": logout,
    "SessionIsActive": session_is_active,
    "TerminateSession": terminate,
}
