/* Figure acc-fps: accuracy against throughput, one panel per cell of limits. Faint: every design
 * evaluated in the searches, at its validation accuracy. Bold: the answers, at the test accuracy
 * after retraining. */
#include "report/acc_fps.h"
#include "report/figure.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static cs_status open_file(const char *path, FILE **out, cs_error *err)
{
    *out = fopen(path, "w");
    return *out ? CS_OK : cs_fail(err, CS_EIO, "%s: cannot be written: %s", path, strerror(errno));
}

static cs_status close_file(FILE *file, const char *path, cs_status status, cs_error *err)
{
    const bool broken = ferror(file) != 0;
    if ((fclose(file) != 0 || broken) && status == CS_OK)
        return cs_fail(err, CS_EIO, "%s: cannot be written: %s", path, strerror(errno));
    return status;
}

static cs_status prepare(const char *campaign, const char *dat_path, const char *gp_path,
                         cs_error *err)
{
    acc_fps f = {0};
    FILE *gp;
    const char *slash = strrchr(dat_path, '/');
    CS_TRY(cs_campaign_open(campaign, &f.campaign, err));
    cs_status status = open_file(dat_path, &f.dat, err);
    if (status == CS_OK)
        status = close_file(f.dat, dat_path, acc_fps_write_data(&f, err), err);
    if (status == CS_OK)
        status = open_file(gp_path, &gp, err);
    if (status == CS_OK) {
        acc_fps_write_script(gp, &f, slash ? slash + 1 : dat_path);
        status = close_file(gp, gp_path, CS_OK, err);
    }
    if (status != CS_OK) /* half a figure would be taken for one */
        unlink(dat_path);
    cs_campaign_close(&f.campaign);
    return status;
}

const cs_figure cs_figure_acc_fps = {
    .name = "acc-fps",
    .summary =
        "accuracy against throughput under the limits: every evaluated design and the answers",
    .prepare = prepare};
