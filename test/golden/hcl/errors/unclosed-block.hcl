job "web" {
  group "web" {
    task "vm" {
      config {
        image_path = "local/linux.img"
    }
  }
}
