# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of a kubeconfig file, or a list of paths to merge.
      - Name the cluster in exactly one way. The ways are O(kubeconfig) and O(context) (one or both), O(host) with a credential
        (O(api_key), or O(client_cert) and O(client_key)), and O(in_cluster). Two ways together are an error.
      - If none of these options is set, the environment names the cluster. The variables are C(K8S_AUTH_HOST) with
        C(K8S_AUTH_API_KEY) (or with C(K8S_AUTH_CERT_FILE) and C(K8S_AUTH_KEY_FILE)), else C(K8S_AUTH_KUBECONFIG), else
        C(KUBECONFIG). The last choice is the file C(~/.kube/config).
      - C(K8S_AUTH_VERIFY_SSL), C(K8S_AUTH_SSL_CA_CERT), C(K8S_AUTH_PROXY) and C(K8S_AUTH_NO_PROXY) apply only to the cluster
        that C(K8S_AUTH_HOST) names.
      - An option that is an empty string is not set.
      - The fields of a kubeconfig have the same effect as in kubectl. A field that is not supported is an error. The file
        C(docs/connection.md) of the collection lists all fields.
      - The output of an exec plugin is never shown, because it can contain a token.
    type: list
    elements: path
  context:
    description:
      - Name of a context in the kubeconfig (string). By default the current context.
      - Without O(kubeconfig), the file is the one that C(K8S_AUTH_KUBECONFIG) or C(KUBECONFIG) names, else C(~/.kube/config).
    type: raw
  host:
    description:
      - URL of the API server (string), for example V(https://api.example.com:6443). Requires a credential.
      - A URL that contains a user, a query or a fragment is rejected.
    type: raw
  api_key:
    description:
      - Bearer token for O(host) (string).
      - The token is sent as it is, without trimming. A token that contains a line break or another control character is
        rejected.
    type: raw
  validate_certs:
    description:
      - Whether to verify the TLS certificate of the API server. By default it is verified, unless the kubeconfig disables this.
      - V(false) gives a warning, because whoever answers instead of the server receives the credentials.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description: Path of a file with CA certificates (PEM) to verify the certificate of the API server.
    type: path
    aliases: [ssl_ca_cert]
  client_cert:
    description: Path of a client certificate (PEM) for O(host).
    type: path
    aliases: [cert_file]
  client_key:
    description: Path of the private key (PEM) of O(client_cert).
    type: path
    aliases: [key_file]
  proxy:
    description:
      - URL of a proxy for the API server, for example V(http://proxy.example.com:3128). It can contain a user and a password.
      - A V(socks5://) proxy requires the Python package PySocks.
    type: str
  no_proxy:
    description: Hosts to reach without O(proxy), separated by commas.
    type: str
  impersonate_user:
    description:
      - User to impersonate (string). Requires the right to impersonate this user. Default is C(K8S_AUTH_IMPERSONATE_USER).
      - Replaces C(as) of the kubeconfig and the related groups, uid and extra fields.
      - A name that contains a line break, or that starts or ends with white space, is rejected.
    type: raw
  impersonate_groups:
    description:
      - Groups to impersonate, a list of strings. Requires O(impersonate_user). Default is C(K8S_AUTH_IMPERSONATE_GROUPS),
        separated by commas.
    type: raw
  in_cluster:
    description:
      - Use the ServiceAccount of the Pod that runs the task.
      - This is never a default, because in an AWX container group it is the cluster of AWX.
    type: bool
    default: false
  request_timeout:
    description:
      - Seconds to wait for a connection, and for each part of a response, at most 86400.
      - A complete response can take ten times as long.
    type: float
    default: 60
  workers:
    description: Number of parallel requests to the API server, 1 to 64.
    type: int
    default: 16
requirements:
  - python package kubernetes >= 24.2.0
  - python package PyYAML
notes:
  - An option that is described as a string, or as a list of strings, accepts no other type, because YAML reads V(0123456) as
    42798 and V(no) as false. Put such values in quotes. For a value from a template or from an INI inventory, use the filter
    C(string). A list of strings can also be one string with commas.
  - The task runs on the host that its connection leads to. If the inventory host represents a cluster, set
    C(ansible_connection=local) and C(ansible_python_interpreter={{ ansible_playbook_python }}).
"""
