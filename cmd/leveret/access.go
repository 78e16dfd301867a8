package main

import (
	"slices"
	"strings"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/config"
)

// setAccess has the broker know who may do what.
func setAccess(o *broker.Options, set *config.Set) {
	o.DefaultUser = set.Text("default_user")
	o.DefaultPass = set.Text("default_pass")
	if set.GivenBelow("default_user_tags") {
		o.DefaultTags = append([]string{}, marked(set, "default_user_tags")...)
	}
	o.DefaultPermissions = broker.Permission{
		Configure: set.Text("default_permissions.configure"),
		Write:     set.Text("default_permissions.write"),
		Read:      set.Text("default_permissions.read"),
	}
	if set.GivenBelow("loopback_users") {
		o.LoopbackUsers = append([]string{}, marked(set, "loopback_users")...)
	}
	o.Mechanisms, o.AnonymousUser = mechanisms(set)
	o.CertLogin = broker.CertLogin{
		From:             strings.Replace(set.Text("ssl_cert_login_from"), "alt_name", "alternative_name", 1),
		AlternativeType:  set.Text("ssl_cert_login_san_type"),
		AlternativeIndex: int(set.Number("ssl_cert_login_san_index")),
	}
	o.PasswordHashing = set.Text("password_hashing_module")
	o.ConnectionMax = int(set.Number("max_connections"))
}

// marked is the words below a key that are true.
func marked(set *config.Set, stem string) (words []string) {
	all, values := set.Below(stem)
	for i, v := range values {
		if v.Data == true {
			words = append(words, all[i])
		}
	}
	return words
}

// anonymousMechanism is the mechanism that asks for no name.
const anonymousMechanism = "ANONYMOUS"

// mechanisms are those that ask who somebody is, and who one is that is not
// asked, if there shall be such.
func mechanisms(set *config.Set) (named []string, nobody string) {
	all := set.Texts("auth_mechanisms")
	nobody = set.Text("anonymous_login_user")
	switch {
	case nobody == "none":
		nobody = ""
	case nobody == "" && slices.Contains(all, anonymousMechanism):
		nobody = "guest"
	}
	return slices.DeleteFunc(all, func(m string) bool { return m == anonymousMechanism }), nobody
}
