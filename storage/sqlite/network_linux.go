package sqlite

import (
	"fmt"
	"syscall"
)

// networkSystems are magic numbers of statfs(2). Locks of these are not reliable enough for SQLite (R28). FUSE and 9P are not among
// them: they carry local folders of containers as well.
var networkSystems = map[uint32]string{
	0x6969:     "NFS",
	0x517B:     "SMB",
	0xFF534D42: "CIFS",
	0xFE534D42: "SMB2",
	0x5346414F: "AFS",
	0x00C36400: "Ceph",
	0x0BD00BD0: "Lustre",
	0x47504653: "GPFS",
	0x19830326: "BeeGFS",
}

func refuseNetwork(folder string) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return fmt.Errorf("look at the file system: %w", err)
	}
	if name, ok := networkSystems[uint32(s.Type)]; ok {
		return fmt.Errorf("the folder is on a network file system (%s); use a local disk, or a database server", name)
	}
	return nil
}
