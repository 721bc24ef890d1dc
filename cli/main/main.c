/* The entry point alone, so that tests can link the rest of the room. */
#include "cli/run.h"

int main(int argc, char **argv)
{
    return ly_cli_main(argc, argv);
}
