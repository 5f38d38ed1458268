// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/apache/pulsar-client-go/pulsar"
)

// Tokens of the harness's issuer (harness/issuer.py): against a broker of the profile "openid", or "issuer".
func init() {
	scenarios["openid"] = openID
	scenarios["oauth2"] = oauth2
	scenarios["oauth2-refresh"] = oauth2Refresh
}

const audience = "interop"

func (c *ctx) issuer() string {
	text, err := os.ReadFile(c.keys + "/issuer.url")
	ok(err, "the issuer's URL")
	return string(text)
}

// get is what is there, with these NAME, VALUE.
func get(where string, query ...string) string {
	v := url.Values{}
	for i := 0; i < len(query); i += 2 {
		v.Set(query[i], query[i+1])
	}
	a, err := http.Get(where + "?" + v.Encode())
	ok(err, where)
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	ok(err, where)
	equal(a.StatusCode, 200, where)
	return string(text)
}

// ticket: changes are NAME, VALUE of what the issuer is asked to sign.
func (c *ctx) ticket(role string, changes ...string) pulsar.Authentication {
	return pulsar.NewAuthenticationToken(get(c.issuer()+"/sign", append([]string{"sub", role}, changes...)...))
}

func (c *ctx) credentials(client, audience string) map[string]string {
	return map[string]string{"type": "client_credentials", "issuerUrl": c.issuer(), "audience": audience,
		"privateKey": "file://" + c.keys + "/" + client + ".oauth2.json"}
}

func openID(c *ctx) {
	role := c.unique
	c.grant(role, "produce", "consume")
	for _, same := range [][]string{nil, {"aud", audience, "kid", "one"}} { // as they are by default
		c.login(c.ticket(role, same...))
		works(c, c.topic("right"))
	}
	wrong := map[string]pulsar.Authentication{}
	for name, value := range map[string]string{"aud": "elsewhere", "iss": "http://127.0.0.1:1", "kid": "two",
		"key": "stranger", "life": "-5"} {
		wrong["a token with "+name+"="+value] = c.ticket(role, name, value)
	}
	allRefused(c, denied, wrong)
	c.revoke(role)
}

// oauth2: the client gets its tokens itself, by its id and secret.
func oauth2(c *ctx) {
	c.grant("u-oauth", "produce", "consume")
	c.login(pulsar.NewAuthenticationOAuth2(c.credentials("u-oauth", audience)))
	works(c, c.topic())
	refused(c, denied, "a token for others", pulsar.NewAuthenticationOAuth2(c.credentials("u-oauth", "others")))
	// the library keeps the issuer's reason to itself
	refused(c, "", "a wrong secret", pulsar.NewAuthenticationOAuth2(c.credentials("u-wrong", audience)))
	binary := c.url
	c.url = c.http
	c.login(pulsar.NewAuthenticationOAuth2(c.credentials("u-oauth", audience)))
	works(c, c.topic("http"))
	c.url = binary
	c.revoke("u-oauth")
	refused(c, forbidden, "a role without grants", pulsar.NewAuthenticationOAuth2(c.credentials("u-oauth", audience)))
}

// oauth2Refresh: tokens of 3 s.
func oauth2Refresh(c *ctx) {
	renewed(c, "u-brief", pulsar.NewAuthenticationOAuth2(c.credentials("u-brief", audience)), func() int {
		n, err := strconv.Atoi(get(c.issuer()+"/issued", "client_id", "u-brief"))
		ok(err, "a number")
		return n
	})
}
