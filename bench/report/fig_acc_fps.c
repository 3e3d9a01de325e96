/* Figure acc-fps: accuracy against throughput, one panel per cell of limits. Faint: every design
 * evaluated in the searches, at its validation accuracy. Bold: the answers, at the test accuracy
 * after retraining. */
#include "report/acc_fps.h"
#include "report/figure.h"
#include "report/figure_file.h"

#include <string.h>
#include <unistd.h>

static cs_status prepare(const char *campaign, const char *dat_path, const char *gp_path,
                         cs_error *err)
{
    acc_fps f = {0};
    FILE *gp;
    const char *slash = strrchr(dat_path, '/');
    CS_TRY(cs_campaign_open(campaign, &f.campaign, err));
    cs_status status = cs_figure_open(dat_path, &f.dat, err);
    if (status == CS_OK)
        status = cs_figure_close(f.dat, dat_path, acc_fps_write_data(&f, err), err);
    if (status == CS_OK)
        status = cs_figure_open(gp_path, &gp, err);
    if (status == CS_OK) {
        acc_fps_write_script(gp, &f, slash ? slash + 1 : dat_path);
        status = cs_figure_close(gp, gp_path, CS_OK, err);
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
