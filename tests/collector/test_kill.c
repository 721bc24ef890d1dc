/* kill.h, short: in every check. */
#define ROUNDS 10
#include "kill.h"
