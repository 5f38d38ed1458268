# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libauth.a
%C%_libauth_a_SOURCES = \
	%D%/audit.c %D%/audit.h \
	%D%/auth.c %D%/auth.h %D%/auth_priv.h \
	%D%/apr1.c %D%/apr1.h \
	%D%/htpasswd.c %D%/htpasswd.h \
	%D%/auth_basic.c %D%/auth_openid.c %D%/auth_tls.c \
	%D%/auth_token.c \
	%D%/jwks.c %D%/jwks.h \
	%D%/jwt.c %D%/jwt.h %D%/jwt_priv.h \
	%D%/jwt_gen.c %D%/jwt_key.c %D%/jwt_sig.c \
	%D%/plain_acl.c %D%/plain_acl.h \
	%D%/plain_set.c %D%/plain_set.h \
	%D%/openid.c %D%/openid.h \
	%D%/rmq_sign.c %D%/rmq_sign.h \
	%D%/secret.c %D%/secret.h \
	%D%/source.c %D%/source.h \
	%D%/throttle.c %D%/throttle.h \
	%D%/white.c %D%/white.h \
	%D%/yaml_doc.c %D%/yaml_doc.h
