# Debian 12 packages, each for one job (docs/ARCHITECTURE.md says which).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(dep grpc libcurl libcjson sqlite3 libmicrohttpd libzstd libdeflate openssl libxxhash
            yaml-0.1 libpcre2-8 tinfo)
  string(MAKE_C_IDENTIFIER "DEP_${dep}" name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${dep})
endforeach()
# gRPC's C core alone: grpc.pc names more than the C API needs. The program takes it from the archives
# where they are installed (Debian's libgrpc-dev has them): loading its 54 shared objects costs each
# command 6 ms. A target asks for that with the property LYDITE_STATIC_GRPC.
add_library(lydite_grpc INTERFACE)
set(LYDITE_GRPC_STATIC "")
if(NOT LYDITE_SANITIZE AND NOT LYDITE_FUZZ)
  execute_process(COMMAND ${PKG_CONFIG_EXECUTABLE} --static --libs-only-l grpc
    OUTPUT_VARIABLE grpc_static OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE grpc_failed)
  if(NOT grpc_failed)
    string(REGEX MATCHALL "-l(grpc|gpr|upb|address_sorting|re2|cares|absl_[a-z0-9_]+)" grpc_archives "${grpc_static}")
    list(REMOVE_DUPLICATES grpc_archives)
    set(CMAKE_REQUIRED_LIBRARIES -Wl,-Bstatic -Wl,--start-group ${grpc_archives} -Wl,--end-group -Wl,-Bdynamic
      -lssl -lcrypto -lz -lstdc++ -lm -lpthread)
    include(CheckCSourceCompiles)
    check_c_source_compiles("#include <grpc/grpc.h>
int main(void) { grpc_init(); return 0; }" LYDITE_HAVE_STATIC_GRPC)
    if(LYDITE_HAVE_STATIC_GRPC)
      set(LYDITE_GRPC_STATIC ${CMAKE_REQUIRED_LIBRARIES})
    endif()
    unset(CMAKE_REQUIRED_LIBRARIES)
  endif()
endif()
if(LYDITE_GRPC_STATIC)
  add_library(lydite_grpc_shared INTERFACE)
  target_link_libraries(lydite_grpc_shared INTERFACE -lgrpc -lgpr)
  add_library(lydite_grpc_archives INTERFACE)
  target_link_libraries(lydite_grpc_archives INTERFACE ${LYDITE_GRPC_STATIC})
  target_link_libraries(lydite_grpc INTERFACE
    $<IF:$<BOOL:$<TARGET_PROPERTY:LYDITE_STATIC_GRPC>>,lydite_grpc_archives,lydite_grpc_shared>)
else()
  target_link_libraries(lydite_grpc INTERFACE -lgrpc -lgpr)
endif()
if(LYDITE_TESTS)
  pkg_check_modules(DEP_cmocka REQUIRED IMPORTED_TARGET cmocka)
endif()
