# The warnings of house-style §6; errors only where LYDITE_WERROR is on (our presets), so that a newer
# compiler never breaks a user's build.
set(LYDITE_WARNINGS -Wall -Wextra -Wconversion -Wno-sign-conversion -Wshadow -Wvla -Wformat=2
    -Wno-format-nonliteral -Wimplicit-fallthrough -Wpointer-arith -Wundef)
set(LYDITE_C_WARNINGS -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition)
if(LYDITE_WERROR)
  list(APPEND LYDITE_WARNINGS -Werror)
endif()
