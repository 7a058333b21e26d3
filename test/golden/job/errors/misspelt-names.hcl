job "web" {
  datacentres = ["dc1"]

  grup "web" {
  }

  group "web" {
    task "vm" {
      driver = "qemu"
      config {
        image_pth = "local/linux.img"
        portmap {
          ssh = 22
        }
        whatever = true
      }
      artefact {
        source = "https://example.org/a.img"
      }
      resources {
        mem = 512
      }
    }
  }
}
