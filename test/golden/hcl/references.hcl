# A reference that only the run time knows stays as it is spelled.
attribute  = "${attr.kernel.name}"
spaces     = "${ attr.kernel.name }"
in_text    = "${NOMAD_TASK_DIR}/disk-${NOMAD_ALLOC_INDEX}.img"
index      = "${env["HOME"]}"
bare       = meta.mytest
bare_index = attr.cpu[0].name
legacy     = attr.list.0
in_list    = [node.class, "${node.datacenter}"]
grouped    = "${(attr.arch)}"
