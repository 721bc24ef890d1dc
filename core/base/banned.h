/*
 * Functions this project does not use, turned into compile errors. The build includes this header
 * before every file of ours (cmake/Room.cmake), after the standard headers it needs itself.
 * Instead: ly_malloc & co (base/mem.h), ly_str and ly_buf (base/str.h, base/buf.h), ly_civil and
 * ly_time_format (base/clock.h), ly_str_to_i64 & co.
 */
#ifndef LY_BASE_BANNED_H
#define LY_BASE_BANNED_H

#ifndef __cplusplus

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define LY_BANNED(name) ly_banned_function_##name##_see_base_banned_h

#undef strcpy
#define strcpy(...) LY_BANNED(strcpy)
#undef strcat
#define strcat(...) LY_BANNED(strcat)
#undef strncpy
#define strncpy(...) LY_BANNED(strncpy)
#undef strncat
#define strncat(...) LY_BANNED(strncat)
#undef sprintf
#define sprintf(...) LY_BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) LY_BANNED(vsprintf)
#undef gets
#define gets(...) LY_BANNED(gets)
#undef strtok
#define strtok(...) LY_BANNED(strtok)
#undef strtok_r
#define strtok_r(...) LY_BANNED(strtok_r)
#undef atoi
#define atoi(...) LY_BANNED(atoi)
#undef atol
#define atol(...) LY_BANNED(atol)
#undef atof
#define atof(...) LY_BANNED(atof)
#undef localtime
#define localtime(...) LY_BANNED(localtime)
#undef gmtime
#define gmtime(...) LY_BANNED(gmtime)
#undef ctime
#define ctime(...) LY_BANNED(ctime)
#undef asctime
#define asctime(...) LY_BANNED(asctime)
#undef mktime
#define mktime(...) LY_BANNED(mktime)
#undef system
#define system(...) LY_BANNED(system)
#undef tmpnam
#define tmpnam(...) LY_BANNED(tmpnam)

#undef malloc
#define malloc(...) LY_BANNED(malloc)
#undef calloc
#define calloc(...) LY_BANNED(calloc)
#undef realloc
#define realloc(...) LY_BANNED(realloc)
#undef strdup
#define strdup(...) LY_BANNED(strdup)
#undef strndup
#define strndup(...) LY_BANNED(strndup)

#endif
#endif
