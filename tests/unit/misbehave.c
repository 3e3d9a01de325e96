#include "misbehave.h"

#include "run/protocol.h"
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void nap(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Takes 16 MiB at a time and says so, like a real worker's heartbeat does. */
static void hog(void)
{
    for (unsigned long long kib = 0;; kib += 16384) {
        char *block = malloc(16u << 20);
        if (block)
            memset(block, 1, 16u << 20);
        cs_event_send("hb 1 1 %llu %llu", kib, kib);
        nap(20);
    }
}

void misbehave(const char *what)
{
    signal(SIGSEGV, SIG_DFL); /* whatever a sanitizer put there */
    if (strcmp(what, "exit") == 0)
        _exit(7);
    if (strcmp(what, "crash") == 0)
        kill(getpid(), SIGSEGV);
    if (strcmp(what, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(what, "deaf") == 0)
        signal(SIGTERM, SIG_IGN);
    if (strcmp(what, "hog") == 0)
        hog();
    if (strcmp(what, "deaf") == 0 || strcmp(what, "sleep") == 0)
        for (;;)
            nap(1000);
    if (strcmp(what, "silent") != 0) {
        cs_event_send("hb 1 1 1000 2000");
        cs_event_send("meter 5e9 1 2 3 0.5 0.25");
        cs_event_send("fault no such thing");
        cs_event_send("end 0");
    }
    _exit(0);
}

/* Before Criterion's main: glibc passes the arguments to constructors. */
__attribute__((constructor)) static void maybe_misbehave(int argc, char **argv)
{
    char path[1200], word[32] = "";
    if (argc == 3 && strcmp(argv[1], "__misbehave") == 0)
        misbehave(argv[2]);
    if (argc != 4 || strcmp(argv[1], "__worker") != 0)
        return;
    snprintf(path, sizeof path, "%s/../../misbehave", argv[3]);
    FILE *file = fopen(path, "r");
    if (file && fgets(word, sizeof word, file))
        word[strcspn(word, "\n")] = '\0';
    misbehave(word);
}
