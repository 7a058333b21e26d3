values     = "${1.50} ${true} ${"text"}"
alone      = "${[1, 2]}"
condition  = "%{if 1 < 2}small%{else}large%{endif}"
no_else    = "a%{if false} b%{endif} c"
loop       = "%{for name in ["a", "b"]}<${name}>%{endfor}"
with_index = "%{for i, name in ["a", "b"]}${i}:${name} %{endfor}"
nested     = "%{for n in [1, 2, 3]}%{if n != 2}${n}%{else}-%{endif}%{endfor}"
# `~` takes the white space beside it away.
stripped   = "a  ${~ 1 ~}  b %{~ if true ~} c %{~ endif ~} d"
escaped    = "$${not.touched} %%{if} ${"$"}{x}"
heredoc    = <<EOT
%{ for port in [80, 443] ~}
listen ${port};
%{ endfor ~}
end
EOT
indented   = <<-EOT
    %{ if true }
    yes
    %{ endif }
      more
    EOT
runtime    = "${upper("a")} ${attr.kernel.name} ${ NOMAD_TASK_DIR }/x ${env["HOME"]}"
changed    = upper(meta.rack)
