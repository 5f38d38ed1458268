/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LanguageCode of the remoting protocol: LANG(name, number). The name stands in
 * JSON headers, the number in binary ones.
 */
LANG(JAVA, 0)
LANG(CPP, 1)
LANG(DOTNET, 2)
LANG(PYTHON, 3)
LANG(DELPHI, 4)
LANG(ERLANG, 5)
LANG(RUBY, 6)
LANG(OTHER, 7)
LANG(HTTP, 8)
LANG(GO, 9)
LANG(PHP, 10)
LANG(OMS, 11)
LANG(RUST, 12)
LANG(NODE_JS, 13)

#undef LANG
