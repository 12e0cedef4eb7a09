/* SPDX-License-Identifier: MIT */
/* Sizes and offsets as the C compiler has them, against those of Rust in layout.inc (written by tests/boundary.rs). */
#include "usermon.h"

#include <stdio.h>

static int numbers, wrong;

static void check(const char *what, size_t c, size_t rust)
{
    numbers++;
    if (c != rust) {
        printf("%s: %zu in C, %zu in Rust\n", what, c, rust);
        wrong++;
    }
}

#define SIZE(type, rust) check("sizeof " #type, sizeof(type), rust);
#define OFFSET(type, member, rust) check(#type "." #member, offsetof(type, member), rust);

int main(void)
{
#include "layout.inc"
    printf("%d numbers\n", numbers);
    return wrong > 0;
}
