/* attr.h - the only compiler-specific syntax of the project.
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROXY_BASE_ATTR_H
#define PROXY_BASE_ATTR_H

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_USE          __attribute__((warn_unused_result))
#define NORETURN          __attribute__((noreturn))

#endif
