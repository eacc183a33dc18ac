"""AuthorizationManager: who may do what. The roles stand in vcenter_simulator.roles.

The accounts have their permissions on the root folder, propagated; no others can be given.
"""

from collections.abc import Callable, Iterable
from typing import Any

from vcenter_simulator.accounts import Account
from vcenter_simulator.call import Call
from vcenter_simulator.inventory import Entity
from vcenter_simulator.references import Provider, ref
from vcenter_simulator.roles import ADMIN, READ_ONLY
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import vim

# Privileges that every account has; System.Anonymous needs no session either.
READING = {None, "System.Anonymous", "System.View", "System.Read"}


def has_privilege(call: Call, entities: list[Any], session_id: str, privileges: list[str]) -> list[Any]:
    """AuthorizationManager.HasPrivilegeOnEntities."""
    session = call.vcenter.sessions.with_key(session_id)
    write = session is not None and session.account.may_write
    granted = [
        vim.AuthorizationManager.PrivilegeAvailability(privId=name, isGranted=write or name in READING)
        for name in privileges
    ]
    return [vim.AuthorizationManager.EntityPrivilege(entity=each, privAvailability=granted) for each in entities]


def entity_permissions(call: Call, reference: Any, inherited: bool) -> list[Any]:
    """AuthorizationManager.RetrieveEntityPermissions: those of the object, and if asked for of the ones above it."""
    root = call.vcenter.inventory.root
    return _all(call.vcenter) if inherited or call.find_entity(reference) is root else []


def role_permissions(call: Call, role_id: int) -> list[Any]:
    """AuthorizationManager.RetrieveRolePermissions."""
    return [each for each in _all(call.vcenter) if each.roleId == role_id]


def _all(vcenter: Vcenter) -> list[Any]:
    return list(_permissions(vcenter, vcenter.accounts))


def _permissions(vcenter: Vcenter, accounts: Iterable[Account]) -> Iterable[Any]:
    root = ref(vcenter.inventory.root)
    for account in accounts:
        if account.may_enter:
            role = ADMIN if account.may_write else READ_ONLY
            yield vim.AuthorizationManager.Permission(
                entity=root, principal=_principal(account.username), group=False, roleId=role, propagate=True
            )


def _principal(username: str) -> str:
    r"""A user as permissions name it: ``VSPHERE.LOCAL\administrator``."""
    name, _, domain = username.partition("@")
    return f"{domain.upper()}\\{name}" if domain else name


def _own_permissions(vcenter: Vcenter, entity: Entity) -> list[Any]:
    return _all(vcenter) if entity is vcenter.inventory.root else []


ENTITY_PROPERTIES: dict[str, Provider] = {"permission": _own_permissions}

METHODS: dict[str, Callable[..., Any]] = {
    "HasPrivilegeOnEntities": has_privilege,
    "RetrieveEntityPermissions": entity_permissions,
    "RetrieveAllPermissions": lambda call: _all(call.vcenter),
    "RetrieveRolePermissions": role_permissions,
}
