/* kill.h, long. */
#define ROUNDS 200
#include "kill.h"
