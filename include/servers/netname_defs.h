/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and codes of the name service (netname.defs). Values: CMU's netname_defs.h.
 */
#ifndef _SERVERS_NETNAME_DEFS_H_
#define _SERVERS_NETNAME_DEFS_H_

#define NETNAME_NAME_MAX 80 /* bytes of a name, its end included */
typedef char netname_name_t[NETNAME_NAME_MAX];

#define NETNAME_SUCCESS 0
#define NETNAME_PENDING (-1)
#define NETNAME_NOT_YOURS 1000      /* the name is protected by another signature */
#define NAME_NOT_YOURS NETNAME_NOT_YOURS
#define NETNAME_NOT_CHECKED_IN 1001 /* nobody has that name */
#define NAME_NOT_CHECKED_IN NETNAME_NOT_CHECKED_IN
#define NETNAME_NO_SUCH_HOST 1002   /* that is no host name */
#define NETNAME_HOST_NOT_FOUND 1003 /* that host does not answer */
#define NETNAME_INVALID_PORT 1004   /* the port to be checked in is null or dead */

#endif
