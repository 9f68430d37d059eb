# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig, or a list of paths that are merged.
      - The connection is decided as a group. Either O(kubeconfig) and O(context), or O(host) with O(api_key) or with
        O(client_cert) and O(client_key), or O(in_cluster); two of them together are an error.
      - Only where none of these is given, the environment is asked, C(K8S_AUTH_HOST) with C(K8S_AUTH_API_KEY) (or
        C(K8S_AUTH_CERT_FILE) and C(K8S_AUTH_KEY_FILE)), or else C(K8S_AUTH_KUBECONFIG), C(KUBECONFIG) and C(~/.kube/config).
        The switches C(K8S_AUTH_VERIFY_SSL), C(K8S_AUTH_SSL_CA_CERT), C(K8S_AUTH_PROXY) and C(K8S_AUTH_NO_PROXY) count only for
        the cluster that C(K8S_AUTH_HOST) names.
      - An empty text counts as not given.
      - Each field of a kubeconfig is honoured as by kubectl, or refused. C(tokenFile) comes before C(token), and C(token) counts
        while the file is missing or empty. C(as), C(as-groups), C(as-uid) and C(as-user-extra) are honoured. An C(auth-provider)
        other than C(oidc) is refused. The full list is in C(docs/connection.md) of the collection.
      - What an exec plugin writes is never shown, since it can hold a token.
    type: list
    elements: path
  context:
    description:
      - Name of the context in the kubeconfig, a text. By default its current one.
      - Given alone, the file is that of C(K8S_AUTH_KUBECONFIG), C(KUBECONFIG) or C(~/.kube/config).
    type: raw
  host:
    description:
      - URL of the API server, a text, for example V(https://api.example.com:6443). Needs a credential beside it.
      - A URL with a user, a query or a fragment is refused.
    type: raw
  api_key:
    description:
      - Bearer token for O(host), a text.
      - It is not trimmed. A line break or another control character in it is refused.
      - Only tokens from files (C(tokenFile), and the ServiceAccount of O(in_cluster)) are trimmed at both ends, as by kubectl.
    type: raw
  validate_certs:
    description:
      - Whether the API server's TLS certificate is verified. By default it is, unless the kubeconfig says otherwise.
      - Switching it off gets a warning, since whoever answers then gets the credentials.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description: Path of the CA certificates (PEM) that the API server's certificate must come from.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description: Path of a client certificate (PEM) for O(host).
    type: path
    aliases: [cert_file]
  client_key:
    description: Path of the key (PEM) of O(client_cert).
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of a proxy to the API server, for example V(http://proxy.example.com:3128). It may hold a user and a password.
      - A V(socks5://) proxy needs the Python package PySocks.
    type: str
  no_proxy:
    description: Hosts that are reached without O(proxy), separated by commas.
    type: str
  impersonate_user:
    description:
      - User to act as, a text; the identity needs the right to impersonate. Also from C(K8S_AUTH_IMPERSONATE_USER).
      - It replaces C(as) of the kubeconfig, with its groups, uid and extra.
      - Line breaks and white space at an end are refused.
    type: raw
  impersonate_groups:
    description:
      - List of groups (texts) to act as, beside O(impersonate_user). Also from C(K8S_AUTH_IMPERSONATE_GROUPS), separated by
        commas.
    type: raw
  in_cluster:
    description:
      - Use the ServiceAccount of the Pod in which the task runs.
      - Never done unasked, since in an AWX container group that is the cluster of AWX itself.
    type: bool
    default: false
  request_timeout:
    description:
      - Seconds to wait for a connection, and for each part of an answer, at most 86400.
      - A whole answer has ten times as long.
    type: float
    default: 60
  workers:
    description: How many requests are sent to the API server at a time, 1 to 64.
    type: int
    default: 16
requirements:
  - python package kubernetes >= 24.2.0
  - python package PyYAML
notes:
  - Options that are described as a text, or as a list of texts, take nothing else. A number, a boolean or a mapping is an error,
    since YAML reads V(0123456) as 42798 and V(no) as false. Write such a value in quotes; for a value from a template or an INI
    inventory use the filter C(string). A list of texts can also be one text with commas.
  - The task runs where its connection leads. For a cluster that is an inventory host, set C(ansible_connection=local) and
    C(ansible_python_interpreter) to V({{ ansible_playbook_python }}).
"""
