package broker

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
)

// CertLogin says what of a client's certificate is the name of a user, for the
// mechanism EXTERNAL.
type CertLogin struct {
	// From is distinguished_name, common_name or subject_alternative_name.
	// Default: distinguished_name.
	From string

	// Of several alternative names it is the one at an index, of a type: dns, ip,
	// email or uri. Default: the first of dns.
	AlternativeType  string
	AlternativeIndex int
}

// name is the user that a client's certificate names, empty if it names none or
// nobody has verified it.
func (l CertLogin) name(state *tls.ConnectionState) string {
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	cert := state.VerifiedChains[0][0]
	if l.From == "subject_alternative_name" {
		if all := alternatives(cert, l.AlternativeType); l.AlternativeIndex < len(all) {
			return all[l.AlternativeIndex]
		}
		return ""
	}
	var subject pkix.RDNSequence
	if rest, err := asn1.Unmarshal(cert.RawSubject, &subject); err != nil || len(rest) > 0 {
		return ""
	}
	if l.From == "common_name" {
		return commonNames(subject)
	}
	return distinguishedName(subject)
}

// alternatives are the alternative names of a type, in their order.
func alternatives(cert *x509.Certificate, kind string) (all []string) {
	switch kind {
	case "email":
		return cert.EmailAddresses
	case "ip":
		// Deviates: RabbitMQ takes the octets themselves, which nobody can write
		// as a name.
		for _, ip := range cert.IPAddresses {
			all = append(all, ip.String())
		}
		return all
	case "uri":
		for _, u := range cert.URIs {
			all = append(all, u.String())
		}
		return all
	}
	return cert.DNSNames
}

func commonNames(subject pkix.RDNSequence) string {
	var all []string
	for _, set := range subject {
		for _, a := range set {
			if a.Type.String() == "2.5.4.3" {
				all = append(all, fmt.Sprint(a.Value))
			}
		}
	}
	return strings.Join(all, ",")
}

// attributes are the names that RabbitMQ has for those of a distinguished name;
// others are shown by their numbers.
var attributes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU",
	"2.5.4.12": "TITLE", "2.5.4.42": "GIVENNAME", "2.5.4.43": "INITIALS", "2.5.4.44": "GENERATIONQUALIFIER", "2.5.4.65": "PSEUDONYM",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "EMAILADDRESS",
}

// distinguishedName writes one as RFC 2253 wants it, the last part first.
func distinguishedName(subject pkix.RDNSequence) string {
	var parts []string
	for _, set := range subject {
		var values []string
		for _, a := range set {
			name := a.Type.String()
			if known := attributes[name]; known != "" {
				name = known
			}
			values = append(values, name+"="+escaped(fmt.Sprint(a.Value)))
		}
		parts = append([]string{strings.Join(values, "+")}, parts...)
	}
	return strings.Join(parts, ",")
}

// escaped is a value of a distinguished name. What is no ASCII is shown octet by
// octet.
func escaped(value string) string {
	var b strings.Builder
	for i, c := range []byte(value) {
		space := c == ' ' && (i == 0 || i == len(value)-1)
		switch {
		case c >= 0x80:
			fmt.Fprintf(&b, `\%02X`, c)
			continue
		case space, c == '#' && i == 0, strings.IndexByte(`,+"\<>;`, c) >= 0:
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
