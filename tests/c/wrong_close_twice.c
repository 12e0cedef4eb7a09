/* SPDX-License-Identifier: MIT */
/* A handle that was closed stays invalid for ever, also when its place is taken again. */
#include "host.h"

int main(int argc, char **argv)
{
    begin(argc, argv);
    usermon_handle first = open_one(0);
    EXPECT(api->close(first), USERMON_OK);
    EXPECT(api->close(first), USERMON_ERR_HANDLE);
    EXPECT_TOLD("calls came with a handle that was not open: close", 0); /* its log may not be called any more */
    usermon_handle second = open_one(0);
    EXPECT_TOLD("calls came with a handle that was not open: close", 1);
    EXPECT(second != first, 1);
    EXPECT(api->close(first), USERMON_ERR_HANDLE);
    EXPECT(any_call(3, second), USERMON_OK);
    EXPECT_TOLD("calls came with a handle that was not open: close", 1); /* once per open */
    EXPECT(api->close(second), USERMON_OK);
    for (int round = 0; round < 5; round++) {
        usermon_handle a = open_one(1), b = open_one(2);
        EXPECT(a != b && a != first && a != second, 1);
        EXPECT(api->close(round % 2 ? a : b), USERMON_OK);
        EXPECT(api->close(round % 2 ? a : b), USERMON_ERR_HANDLE);
        EXPECT(any_call(5, round % 2 ? b : a), USERMON_OK);
        EXPECT(api->close(round % 2 ? b : a), USERMON_OK);
    }
    return end();
}
