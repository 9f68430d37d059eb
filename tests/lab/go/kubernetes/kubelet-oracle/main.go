// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

// kubelet-oracle answers what the kubelet would do with pull secrets and an image, by the kubelet's own code: the calls are
// those of PullImage in pkg/kubelet/images/image_manager.go. One JSON case per line on stdin, one JSON answer per line on
// stdout.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	"github.com/go-logr/logr/funcr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/secrets"
	"k8s.io/kubernetes/pkg/util/parsers"
)

// question holds Secrets with their type and data (base64, as in the API).
type question struct {
	Secrets []v1.Secret `json:"secrets"`
	Image   string      `json:"image"`
}

// answer holds user names and passwords as base64, since they may be no UTF-8. Ignored counts the keys that were dropped.
type answer struct {
	Error       *string     `json:"error"`
	ImageError  *string     `json:"image_error"`
	Repository  string      `json:"repository"`
	Tag         string      `json:"tag"`
	Digest      string      `json:"digest"`
	Ignored     int         `json:"ignored"`
	Found       bool        `json:"found"`
	Credentials [][2][]byte `json:"credentials"`
}

// logged counts what the kubelet logs: in these calls that is a line for each key that it ignores, and nothing else.
var logged int

func ask(asked question) answer {
	logged = 0
	told := answer{Credentials: [][2][]byte{}}
	repository, tag, digest, err := parsers.ParseImageName(asked.Image)
	if err != nil {
		text := err.Error()
		told.ImageError = &text
	}
	told.Repository, told.Tag, told.Digest = repository, tag, digest
	keyring, err := secrets.MakeDockerKeyring(asked.Secrets, &credentialprovider.BasicDockerKeyring{})
	if err != nil {
		text := err.Error()
		told.Error = &text
		return told
	}
	told.Ignored = logged
	if told.ImageError != nil {
		return told
	}
	found, ok := keyring.Lookup(repository)
	told.Found = ok
	for _, one := range found {
		told.Credentials = append(told.Credentials, [2][]byte{[]byte(one.Username), []byte(one.Password)})
	}
	return told
}

func main() {
	klog.SetLogger(funcr.New(func(_, _ string) { logged++ }, funcr.Options{}))
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			log.Fatal(err)
		}
		if err := output.Encode(ask(asked)); err != nil {
			log.Fatal(err)
		}
	}
}
