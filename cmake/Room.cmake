# One target per room, linked only to the rooms that DESIGN §4 allows it.
#
#   ly_room(store ROOMS base otlp genai filter LIBS PkgConfig::DEP_sqlite3)
#
# makes the static library ly_store of every .c file of the current folder. `core/` and the top folder
# are on the include path: #include "base/err.h", "store/store.h", "eval/stats.h".
function(ly_flags target)
  target_compile_options(${target} PRIVATE ${LYDITE_WARNINGS} ${LYDITE_HARDEN}
    $<$<COMPILE_LANGUAGE:C>:${LYDITE_C_WARNINGS}>
    $<$<COMPILE_LANGUAGE:C>:-include${PROJECT_SOURCE_DIR}/core/base/banned.h>)
  target_link_options(${target} PRIVATE ${LYDITE_HARDEN_LINK})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR})
endfunction()

function(ly_room name)
  cmake_parse_arguments(R "" "" "ROOMS;LIBS;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  foreach(skip ${R_EXCLUDE})
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${skip})
  endforeach()
  if(NOT sources)
    add_library(ly_${name} INTERFACE)
    set(kind INTERFACE)
  else()
    add_library(ly_${name} STATIC ${sources})
    ly_flags(ly_${name})
    set(kind PUBLIC)
  endif()
  foreach(room ${R_ROOMS})
    target_link_libraries(ly_${name} ${kind} ly_${room})
  endforeach()
  if(kind STREQUAL PUBLIC)
    target_link_libraries(ly_${name} PRIVATE ${R_LIBS})
  else()
    target_link_libraries(ly_${name} INTERFACE ${R_LIBS})
  endif()
endfunction()
