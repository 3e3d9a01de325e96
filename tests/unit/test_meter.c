#include "run/meter.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

Test(meter, reads_budgets)
{
    cs_meter meter;
    double limit;
    cs_error err = {""};
    cr_assert_eq(cs_meter_parse("mac:2.0e12", &meter, &limit, &err), CS_OK);
    cr_assert(meter == CS_METER_MACS && limit == 2e12);
    cr_assert_eq(cs_meter_parse("hw_queries:10", &meter, &limit, &err), CS_OK);
    cr_assert_eq(meter, CS_METER_HW_QUERIES);
    const char *const bad[] = {"mac",   "mac:",     "mac:0",  "mac:-1",
                               "mac:x", "wall_s:5", "macs:1", ":1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(cs_meter_parse(bad[i], &meter, &limit, &err), CS_EUSAGE, "%s", bad[i]);
}

Test(meter, left_and_spent)
{
    cs_meters m = {{0}, {0}};
    for (cs_meter i = 0; i < CS_METER_COUNT; i++)
        m.limit[i] = INFINITY;
    cr_assert_eq(cs_meters_left(&m, CS_METER_COUNT), 1.0);
    cr_assert_eq(cs_meters_spent(&m, CS_METER_MACS), CS_METER_COUNT);
    m.limit[CS_METER_MACS] = 100.0;
    m.limit[CS_METER_EVALS] = 4.0;
    m.used[CS_METER_MACS] = 25.0;
    m.used[CS_METER_EVALS] = 3.0;
    cr_assert_eq(cs_meters_left(&m, CS_METER_MACS), 0.75);
    cr_assert_eq(cs_meters_left(&m, CS_METER_COUNT), 0.25);
    m.used[CS_METER_EVALS] = 4.0;
    cr_assert_eq(cs_meters_spent(&m, CS_METER_MACS), CS_METER_EVALS);
    m.used[CS_METER_MACS] = 101.0;
    cr_assert_eq(cs_meters_spent(&m, CS_METER_MACS), CS_METER_MACS);
    cr_assert_eq(cs_meters_left(&m, CS_METER_MACS), 0.0);
}
