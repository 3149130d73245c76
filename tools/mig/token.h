/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last two tokens that the lexer gave to the parser, for messages of the form
 * "expected … after …, found …".
 */
#ifndef MIG_TOKEN_H
#define MIG_TOKEN_H

struct token_seen {
    const char *text; /* null before the first token */
    struct place place;
};
extern struct token_seen this_token, previous_token;

#endif
