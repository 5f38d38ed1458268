# SPDX-License-Identifier: Apache-2.0
"""Brokers of another configuration, for the scenarios that ask for one by `@NAME` before their title. Of two names with
the same configuration each has a broker of its own."""

import os
import sys

from harness import issuer

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tests", "script"))


class Address:
    """As tests/script knows a broker."""

    def __init__(self, hostport):
        host, port = hostport.rsplit(":", 1)
        self.namesrv = (host, int(port))

    @staticmethod
    def name(suffix=""):
        return "harness" + suffix


def acl_users(broker):
    """RocketMQ's users, whom its suites know: `works` may publish and consume, `reads` only consume, `nobody` nothing."""
    from rmqlib import Signed
    policies = {"works": [("Topic:*", ["Pub", "Sub", "Get"]), ("Group:*", ["Sub", "Get"])],
                "reads": [("Topic:*", ["Sub", "Get"]), ("Group:*", ["Sub", "Get"])], "nobody": []}
    with Signed(Address(broker.namesrv), "root", "root-secret") as c:
        for user, may in policies.items():
            c.ask("AUTH_CREATE_USER", {"username": user, "password": user + "-secret"}, username=user)
            if may:
                entries = [{"resource": r, "actions": a, "decision": "Allow"} for r, a in may]
                c.ask("AUTH_CREATE_ACL", {"subject": "User:" + user,
                                          "policies": [{"policyType": "Custom", "entries": entries}]},
                      subject="User:" + user)


# RocketMQ's keys: the reference wants classes named that are ours by default, and a user for what it sends itself.
AUTH = "org.apache.rocketmq.auth."
ACL = ["authenticationEnabled=true", "authorizationEnabled=true",
       'initAuthenticationUser={"username":"root","password":"root-secret"}',
       'innerClientAuthenticationCredentials={"accessKey":"root","secretKey":"root-secret"}',
       *(f"{what}{kind}={AUTH}{what}.provider.{which}{what.capitalize()}{kind}"
         for what in ("authentication", "authorization")
         for which, kind in (("Default", "Provider"), ("Local", "MetadataProvider")))]

AUTHENTICATION = "org.apache.pulsar.broker.authentication."
PROVIDER = AUTHENTICATION + "AuthenticationProvider"
# Pulsar's keys (but authenticationFailureLimit, which it passes over), so that the reference can be given them, too.
# Role "root" may do everything; harness/credentials.py makes the files.
SECURED = ["authenticationEnabled=true", "authorizationEnabled=true", "superUserRoles=root",
           "authenticationProviders=" + ",".join(PROVIDER + p for p in ("Token", "Basic", "Tls")),
           "tokenSecretKey=file://{keys}/token.secret", "basicAuthConf=file://{keys}/users",
           "authenticationRefreshCheckSeconds=1", "authenticationFailureLimit=0",
           "tlsCertificateFilePath={keys}/server.pem", "tlsKeyFilePath={keys}/server.key",
           "tlsTrustCertsFilePath={keys}/root.pem"]

# Tokens of harness/issuer.py; the admin API still takes those of token.secret. openIDJwks is a key of ours: the
# reference fetches the issuer's keys in both profiles.
ISSUER = [*(o for o in SECURED if not o.startswith("authenticationProviders=")),
          f"authenticationProviders={AUTHENTICATION}oidc.AuthenticationProviderOpenID,{PROVIDER}Token",
          "openIDAllowedTokenIssuers={issuer}", "openIDAllowedAudiences=" + issuer.AUDIENCE,
          "openIDRequireIssuersUseHttps=false"]


def plain_acl(*more):
    """A plain_acl.yml, RocketMQ's accounts of ACL 1.0; the secret of each is its name and "-secret". `works-key` and
    `reads-key` are as works and reads above, `white-key` is known by its address; topic and group `denied-topic` and
    `denied-group` are denied; `admin-key` is an administrator. What more accounts there are may publish."""
    accounts = {"works-key": ("PUB|SUB", "SUB"), "reads-key": ("SUB", "SUB"), "white-key": ("DENY", "DENY"),
                **dict.fromkeys(more, ("PUB", "DENY"))}
    text = "globalWhiteRemoteAddresses: []\naccounts:\n"
    for key, (topics, groups) in accounts.items():
        text += (f"- accessKey: {key}\n  secretKey: {key}-secret\n  admin: false\n"
                 f"  whiteRemoteAddress: '{'127.0.0.*' if key == 'white-key' else ''}'\n"
                 f"  defaultTopicPerm: {topics}\n  defaultGroupPerm: {groups}\n"
                 "  topicPerms:\n  - denied-topic=DENY\n  groupPerms:\n  - denied-group=DENY\n")
    return text + "- accessKey: admin-key\n  secretKey: admin-key-secret\n  admin: true\n"


# here, who waits for other accounts is not slowed down
PLAIN_ACL = ["aclEnable=true", "aclPlainFile={accounts}", "authenticationFailureLimit=0"]
# What a suite may make of them by "@accounts NAME"; at first they are the first.
ACCOUNTS = {"first": plain_acl("goes-key"), "later": plain_acl("comes-key")}

# NAME: (options, where {keys} is the folder of keys, {issuer} the issuer's URL and {accounts} the
# file of ACCOUNTS; what is done once it listens)
PROFILES = {
    "acl": (ACL, acl_users),
    "acl-enforcing": ([*ACL, "tlsMode=enforcing"], None),
    "mqadmin-acl": (ACL, None),
    "plain-acl": (PLAIN_ACL, None),
    "mqadmin-plain-acl": (PLAIN_ACL, None),
    "secured": (SECURED, None),
    "admin": ([*SECURED, "brokerDeleteInactiveTopicsEnabled=false"], None),
    "anonymous": ([*SECURED, "anonymousUserRole=nobody"], None),
    "openid": ([*ISSUER, "openIDJwks=file://{keys}/issuer.jwks"], None),
    "issuer": (ISSUER, None),
}


def options(name, keys, accounts=""):
    """KEY=VALUE of a profile, or of none."""
    if not name:
        return []
    out = [o.replace("{accounts}", accounts) for o in PROFILES[name][0]]
    if keys:
        out = [o.replace("{keys}", os.path.abspath(keys)) for o in out]
        if any("{issuer}" in o for o in out):
            with open(os.path.join(keys, "issuer.url"), encoding="ascii") as f:
                url = f.read()
            out = [o.replace("{issuer}", url) for o in out]
    return out
