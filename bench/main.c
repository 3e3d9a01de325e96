/* Where the program starts and the only place where it ends. */
#include "cli.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    exit(cs_cli_main(argc, argv));
}
