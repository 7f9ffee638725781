package sqlite_test
import ("testing";"context";"path/filepath";"os";"fmt";"time"
"github.com/carillon-go/carillon/storage/sqlite";"github.com/carillon-go/carillon/jobs")
func TestZZ(t *testing.T){
 dir:=t.TempDir()
 p:=filepath.Join(dir,"jobs.db")
 s,err:=sqlite.Open(context.Background(),p,sqlite.Options{Synchronous:"NORMAL",MinFreeBytes:-1})
 if err!=nil{t.Fatal(err)}
 if os.Getenv("ZR")!="" { s.Jobs(context.Background(), jobs.JobQuery{Tenant:"acme"}) }
 n:=10
 if os.Getenv("ZN")!=""{n=11000}
 last:=time.Now()
 for i:=range n { if err:=s.InsertJob(context.Background(),morning,queueJob(fmt.Sprint("j",i))); err!=nil{fmt.Println(err);break}
 if i%1000==999 {fmt.Println(i+1, 1000/time.Since(last).Seconds(),"/s"); last=time.Now()}}
 if os.Getenv("ZJ")!="" {for range 5 { s.Jobs(context.Background(), jobs.JobQuery{Tenant:"acme"}) }}
 fmt.Println(s.Close())
 es,_:=os.ReadDir(dir)
 for _,e:=range es{i,_:=e.Info();fmt.Println(e.Name(),i.Size())}
}
