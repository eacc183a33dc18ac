"""The roles that every vCenter has, and which privileges they give.

Ids, names and words are those that ``govc role.ls`` shows of an 8.0. The administrators' roles list the privileges that
pyVmomi's metadata names for methods, and those of tagging; a real vCenter lists about twice as many.
"""

from functools import cache
from typing import Any

from vcenter_simulator.vmomi import method_info, method_names, vim

_READING = ("System.Anonymous", "System.Read", "System.View")
_TAGGING = ("InventoryService.Tagging.AttachTag", "InventoryService.Tagging.ObjectAttachable")
_TRUST = "TrustedAdmin."
READ_ONLY, ADMIN = -2, -1

_ROLES = (
    (-8, "NoTrustedAdmin", "No Trusted Infrastructure administrator",
     "Full access without Trusted Infrastructure privileges"),
    (-7, "TrustedAdmin", "Trusted Infrastructure administrator", "Setup and monitoring of Trusted Infrastructure"),
    (-6, "NoCryptoAdmin", "No cryptography administrator",
     "Full access without Cryptographic operations and Trusted Infrastructure privileges"),
    (-5, "NoAccess", "No access", "Used for restricting granted access"),
    (-4, "Anonymous", "Anonymous", "Not logged-in user (cannot be granted)"),
    (-3, "View", "View", "Visibility access (cannot be granted)"),
    (READ_ONLY, "ReadOnly", "Read-only", "See details of objects, but not make changes"),
    (ADMIN, "Admin", "Administrator", "Full access rights"),
)  # fmt: skip


def role_list() -> list[Any]:
    """AuthorizationManager.roleList."""
    return [
        vim.AuthorizationManager.Role(
            roleId=number, system=True, name=name, info=vim.Description(label=label, summary=summary),
            privilege=_privileges(name),
        )
        for number, name, label, summary in _ROLES
    ]  # fmt: skip


def _privileges(role: str) -> list[str]:
    """Sorted, as vCenter has them."""
    small = {"NoAccess": (), "Anonymous": _READING[:1], "View": (_READING[0], _READING[2]), "ReadOnly": _READING}
    if role in small:
        return list(small[role])
    return [name for name in _all_privileges() if _has_privilege(role, name)]


def _has_privilege(role: str, privilege: str) -> bool:
    if role == "TrustedAdmin":
        return privilege in _READING or privilege.startswith(_TRUST)
    left_out = {"NoTrustedAdmin": (_TRUST,), "NoCryptoAdmin": (_TRUST, "Cryptographer.")}.get(role, ())
    return not privilege.startswith(left_out) if left_out else True


@cache
def _all_privileges() -> list[str]:
    named = {info.privId for name in method_names() if (info := method_info(name)) and info.privId}
    return sorted({*named, *_READING, *_TAGGING})
