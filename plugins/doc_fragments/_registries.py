# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  registry_ca_cert:
    description:
      - Path of a file with CA certificates (PEM) to verify registries and their token servers, on the machine that runs the
        task. By default the CA certificates that this machine trusts.
    type: path
  registry_validate_certs:
    description:
      - Whether to verify the TLS certificates of registries.
      - V(false) gives a warning, because whoever answers instead of the registry receives the credentials.
    type: bool
    default: true
  registry_timeout:
    description: Seconds for each complete request to a registry.
    type: float
    default: 20
  realms:
    description:
      - Additional token servers that can receive credentials, a list of strings C(host) or C(host:port).
      - A registry chooses its token server, and nothing proves that this server belongs to the registry. By default credentials
        are sent only to the host and port of the registry, to port 443 of the same host, and to the token servers of Docker Hub
        and GitLab.com.
    type: raw
    default: []
  allow_addresses:
    description:
      - Loopback, link-local, multicast and cloud metadata addresses that can be contacted, a list of strings. An entry is an
        address or a network such as V(10.0.0.0/8).
      - By default a host name that resolves to such an address is not contacted. A registry that is given as an address, or as
        V(localhost), is always contacted.
      - Behind a proxy, only hosts that are written as an address are checked, because the proxy resolves host names.
    type: raw
    default: []
notes:
  - Requests to registries use the proxies of the environment variables C(https_proxy), C(http_proxy) and C(no_proxy). A network
    such as 10.0.0.0/8 in C(no_proxy) only matches registries that are given as an IP address.
"""

    VERIFY = r"""
options:
  verify:
    description:
      - Whether to ask the registries before the first write. If a registry rejects a credential, nothing is written.
      - V(login) tests each credential with a login.
      - V(pull) tests each credential with those of the O(images) that it is for. It must be allowed to pull them. A credential
        without such an image is tested with a login.
    type: str
    choices: [none, login, pull]
    default: none
  images:
    description: Images for O(verify=pull), a list of strings.
    type: raw
    default: []
  verify_undecided:
    description:
      - What to do if a registry cannot verify a credential, because it is down, limits requests or accepts every login.
      - V(fail) writes nothing.
      - V(warn) writes new entries, and replaces entries that are unusable or expired. A Secret is C(refused) and stays
        unchanged if a usable entry in it would be dropped, or get another user or password.
      - V(accept) writes everything.
    type: str
    choices: [fail, warn, accept]
    default: fail
"""

    UNVERIFIED = r"""
options:
  unverified:
    description:
      - Registries that could not verify these credentials when an earlier task asked them.
      - O(verify_undecided) applies to them as if this task had asked. If a listed registry is not in the credentials, all
        credentials count as unverified.
    type: list
    elements: dict
    default: []
    suboptions:
      registry:
        description: The registry, as in O(registries).
        type: str
        required: true
      reason:
        description: Why the registry could not verify the credentials, as a sentence.
        type: str
        required: true
"""
