# What `cmake --install` puts where: the libraries with their headers, pkg-config files and
# the CMake package `lydite` (targets lydite::lydite, lydite::curl). The function runs when all folders
# were read, because it names targets of several.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

function(ly_install)
  foreach(target lydite_tracer lydite_curl)
    if(TARGET ${target})
      install(TARGETS ${target} EXPORT lydite
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    endif()
  endforeach()
  # Opened at run time by liblydite, beside which it is looked for.
  install(TARGETS lydite_otlp LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/tracer/include/lydite
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")

  # Relative to the file itself, so that an installed tree may be moved.
  file(RELATIVE_PATH LYDITE_PC_PREFIX
    /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
  set(pcs lydite)
  if(TARGET lydite_curl)
    list(APPEND pcs lydite-curl)
  endif()
  foreach(pc ${pcs})
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${pc}.pc.in ${CMAKE_BINARY_DIR}/${pc}.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/${pc}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endforeach()

  install(EXPORT lydite NAMESPACE lydite:: FILE lydite-targets.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lydite)
  file(WRITE ${CMAKE_BINARY_DIR}/lydite-config.cmake
    "include(\${CMAKE_CURRENT_LIST_DIR}/lydite-targets.cmake)\n")
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/lydite-config-version.cmake
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/lydite-config.cmake
    ${CMAKE_BINARY_DIR}/lydite-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lydite)
endfunction()

cmake_language(DEFER DIRECTORY ${PROJECT_SOURCE_DIR} CALL ly_install)
