"""Products, linear algebra, transforms, statistics, sets, polynomials, the rest: as in JAX."""

import jax
import pytest

import ingot
from numpy_oracle import check, table

PRODUCTS = """
jnp.dot(A,B); jnp.dot(bv,bv); jnp.dot(t3,x.T); jnp.dot(3,x); jnp.dot(w,wi); jnp.dot(t3,SA);
jnp.matmul(SA,SB); jnp.matmul(A,SB); jnp.matmul(SA,A); jnp.matmul(SA,bv); jnp.matmul(bv,SA);
jnp.matmul(x,x); jnp.matmul(w,x); jnp.matmul(i,i.T); jnp.matmul(i8,f.T); jnp.vdot(z,z);
jnp.inner(x,y); jnp.inner(t3,x); jnp.outer(v,u); jnp.outer(x,2); jnp.tensordot(x,y);
jnp.tensordot(t3,x,axes=[[1,2],[0,1]]); jnp.tensordot(A,B,1); jnp.kron(x,y); jnp.kron(v,x);
jnp.cross(R,R[::-1]); jnp.cross(R[:,:2],R); jnp.cross(R[:,:2],R[::-1,:2]); jnp.vecdot(z,z);
jnp.matvec(SA,bv); jnp.vecmat(bv,SA)
"""
EINSUM = """
jnp.einsum('ij,jk',A,B); jnp.einsum('ij,jk->ki',A,B); jnp.einsum('ii',A);
jnp.einsum('ii->i',A); jnp.einsum('ij->',A); jnp.einsum('ij->j',A); jnp.einsum('ij,ij->i',x,y);
jnp.einsum('bij,bjk->bik',SB,SB.transpose(0,2,1)); jnp.einsum('...ij,...jk',SA,SB);
jnp.einsum('i,j->ij',v,u); jnp.einsum('ij,jk,kl->il',x.T,y,A); jnp.einsum('ij,ij,ij->',x,y,x);
jnp.einsum(A,[0,1],B,[1,2],[0,2]); jnp.einsum(A,[0,1],B,[1,2]); jnp.einsum('ijk,k',t3,bv);
jnp.einsum('iij->j',jnp.ones((3,3,2))); jnp.einsum('ij,jk',i,i.T); jnp.einsum('ij,kl',A,B[:2]);
jnp.einsum('i,i',w[None],v); jnp.einsum('ij,jk',A,x); jnp.einsum('ab,ab->ba',x,y);
jnp.einsum('...,...',x,y); jnp.einsum('i...->...',x);
jnp.einsum('ij->ji',x,preferred_element_type='float32');
jnp.einsum_path('ij,jk,kl->il',x.T,y,A)[0]; jnp.einsum('bij,bij->b',t3,t3);
jnp.einsum('i,i,i->i',v,v,u)
"""
LINALG = """
jnp.linalg.cholesky(P); jnp.linalg.cholesky(P,upper=True); jnp.linalg.qr(R);
jnp.linalg.qr(R,mode='complete'); jnp.linalg.qr(R,mode='r');
jnp.linalg.svd(R,compute_uv=False); abs(jnp.linalg.svd(R)[0]); jnp.linalg.svdvals(SA);
jnp.linalg.eigh(Hm)[0]; abs(jnp.linalg.eigh(Hm)[1]); jnp.linalg.eigvalsh(Hm);
jnp.sort(jnp.linalg.eigvals(A)); jnp.linalg.solve(A,B); jnp.linalg.solve(A,bv);
jnp.linalg.solve(SA,SB); jnp.linalg.solve(SA,bv); jnp.linalg.solve(Z,Z); jnp.linalg.inv(A);
jnp.linalg.inv(SA); jnp.linalg.inv(Z); jnp.linalg.pinv(R); jnp.linalg.pinv(Hm,hermitian=True);
jnp.linalg.lstsq(R,v); jnp.linalg.lstsq(R,jnp.stack([v,u],1)); jnp.linalg.matrix_power(A,3);
jnp.linalg.matrix_power(A,-2); jnp.linalg.matrix_power(A,0); jnp.linalg.matrix_rank(R);
jnp.linalg.matrix_rank(jnp.outer(v,v)); jnp.linalg.det(A); jnp.linalg.det(SA);
jnp.linalg.det(A[:3,:3]); jnp.linalg.det(A[:2,:2]); jnp.linalg.det(Z); jnp.linalg.slogdet(A);
jnp.linalg.slogdet(Z); jnp.linalg.slogdet(SA); jnp.linalg.norm(x); jnp.linalg.norm(v,1);
jnp.linalg.norm(v,3); jnp.linalg.norm(v,jnp.inf); jnp.linalg.norm(v,-jnp.inf);
jnp.linalg.norm(v,0); jnp.linalg.norm(x,1); jnp.linalg.norm(x,2); jnp.linalg.norm(x,'nuc');
jnp.linalg.norm(x,'fro',keepdims=True); jnp.linalg.norm(x,-2); jnp.linalg.norm(x,jnp.inf);
jnp.linalg.norm(t3,axis=(0,1)); jnp.linalg.norm(t3,axis=-1,keepdims=True);
jnp.linalg.norm(t3,2,axis=(1,2),keepdims=True); jnp.linalg.norm(z); jnp.linalg.norm(i8);
jnp.linalg.cond(A); jnp.linalg.cond(A,1); jnp.linalg.vector_norm(x);
jnp.linalg.vector_norm(x,axis=0,ord=1); jnp.linalg.matrix_norm(t3);
jnp.linalg.cross(R,R[::-1]); jnp.linalg.outer(v,u); jnp.linalg.diagonal(t3);
jnp.linalg.trace(t3); jnp.linalg.multi_dot([x.T,y,A,bv]); jnp.linalg.multi_dot([bv,x.T,y]);
jnp.linalg.tensorinv(A.reshape(2,2,4)); jnp.linalg.tensorsolve(A,bv);
jnp.linalg.matrix_transpose(t3); jnp.linalg.vecdot(x,y); jnp.linalg.tensordot(A,B,axes=1);
jnp.linalg.svd(Hm,hermitian=True,compute_uv=False); jnp.linalg.cholesky(-P)
"""
FFT = """
jnp.fft.fft(v); jnp.fft.ifft(z); jnp.fft.rfft(s6); jnp.fft.irfft(jnp.fft.rfft(s6));
jnp.fft.irfft(z,5); jnp.fft.fft(v,8); jnp.fft.fft(v,3); jnp.fft.fft(x,axis=0,norm='ortho');
jnp.fft.fft2(x); jnp.fft.ifft2(x,norm='forward'); jnp.fft.fftn(t3); jnp.fft.fftn(T4);
jnp.fft.ifftn(T4,axes=(0,2)); jnp.fft.rfftn(T4);
jnp.fft.irfftn(jnp.fft.rfftn(T4),s=(2,3,4,5),axes=(0,1,2,3)); jnp.fft.rfft2(x);
jnp.fft.irfft2(z,norm='ortho'); jnp.fft.hfft(z[0]); jnp.fft.ihfft(v); jnp.fft.fftfreq(5);
jnp.fft.fftfreq(6,.1); jnp.fft.rfftfreq(7); jnp.fft.fftshift(x); jnp.fft.ifftshift(v);
jnp.fft.fft(f); jnp.fft.fft(i8); jnp.fft.rfft(z); jnp.fft.fftn(t3,s=(4,2),axes=(0,2))
"""
STATISTICS = """
jnp.median(x); jnp.median(x,0); jnp.quantile(x,.3); jnp.quantile(x,jnp.array([.1,.9]),axis=1);
jnp.quantile(x,.3,method='lower'); jnp.quantile(x,.3,method='higher');
jnp.quantile(x,.3,method='midpoint'); jnp.quantile(x,.35,method='nearest');
jnp.quantile(x,.25,method='inverted_cdf'); jnp.percentile(x,30,keepdims=True);
jnp.percentile(x,jnp.array([10,50]),axis=0,keepdims=True); jnp.nanquantile(nan,.3);
jnp.nanquantile(nan,.3,axis=0); jnp.nanmedian(nan,1); jnp.quantile(nan,.3,axis=0);
jnp.quantile(i,.5); jnp.quantile(f,.5,axis=(0,1)); jnp.quantile(h,.5); jnp.cov(x);
jnp.cov(x,rowvar=False); jnp.cov(v,u); jnp.cov(x,aweights=u[:4]);
jnp.cov(x,fweights=jnp.array([1,2,3,1])); jnp.cov(x,bias=True); jnp.cov(z); jnp.corrcoef(x);
jnp.corrcoef(z); jnp.corrcoef(v,u); jnp.corrcoef(v)
"""
COUNTING = """
jnp.bincount(k.ravel()); jnp.bincount(k.ravel(),length=2);
jnp.bincount(k.ravel(),weights=u[:4],minlength=5); jnp.histogram(v);
jnp.histogram(v,5,range=(-1,1)); jnp.histogram(v,jnp.array([-2.,0,2]),density=True);
jnp.histogram(v,4,weights=u); jnp.histogram2d(v,u,3); jnp.histogram2d(v,u,[2,3],density=True);
jnp.histogramdd(R,3); jnp.histogram_bin_edges(i,3)
"""
SIGNAL = """
jnp.diff(x); jnp.diff(x,2,0); jnp.diff(v,prepend=0.,append=jnp.array([1.,2])); jnp.diff(b);
jnp.ediff1d(v); jnp.ediff1d(v,to_end=1,to_begin=jnp.array([2,3])); jnp.gradient(v);
jnp.gradient(x); jnp.gradient(x,2.); jnp.gradient(x,2.,axis=0);
jnp.gradient(v,jnp.array([0.,1,3,4,6])); jnp.gradient(x,1.,jnp.array([0.,1,3,4]));
jnp.trapezoid(v); jnp.trapezoid(x,dx=.5,axis=0); jnp.trapezoid(v,u);
jnp.trapezoid(x,jnp.arange(4)**2); jnp.convolve(v,u[:3]); jnp.convolve(v,u[:3],'same');
jnp.convolve(u[:2],v,'valid'); jnp.convolve(u[:2],v,'same'); jnp.convolve(u[:3],v,'same');
jnp.convolve(u[:4],v,'same'); jnp.convolve(i[0],i[1]); jnp.correlate(v,u[:3]);
jnp.correlate(u[:3],v); jnp.correlate(v,u[:3],'full'); jnp.correlate(u[:3],v,'full');
jnp.correlate(u[:2],v,'same'); jnp.correlate(u[:3],v,'same'); jnp.correlate(v,u[:2],'same');
jnp.correlate(z[0],z[1],'full'); jnp.interp(u,jnp.array([0.,.5,1]),jnp.array([1.,2,0]));
jnp.interp(v,jnp.array([-1.,0,1]),jnp.array([1.,2,0]));
jnp.interp(v,jnp.array([-1.,0,1]),jnp.array([1.,2,0]),left=5,right='extrapolate');
jnp.interp(v,jnp.array([0.,1,2]),jnp.array([1.,2,0]),period=3.);
jnp.interp(2,jnp.array([1,2,3]),jnp.array([4,5,6])); jnp.unwrap(v*5); jnp.unwrap(i,period=4);
jnp.unwrap(x*4,axis=0)
"""
SETS = """
jnp.unique(k); jnp.unique(i,return_index=True,return_inverse=True,return_counts=True);
jnp.unique(i,size=5);
jnp.unique(i,size=20,fill_value=-9,return_counts=True,return_inverse=True,return_index=True);
jnp.unique(jnp.array([[1,2],[1,2],[0,1]]),axis=0);
jnp.unique(jnp.array([[1,2],[1,2],[0,1]]),axis=0,return_inverse=True,return_counts=True);
jnp.unique(nan); jnp.unique(nan,equal_nan=False); jnp.unique_all(k); jnp.unique_counts(k);
jnp.unique_inverse(k); jnp.unique_values(k); jnp.isin(i,iv);
jnp.isin(i,jnp.arange(30),invert=True); jnp.union1d(iv,k); jnp.union1d(iv,k,size=7);
jnp.setdiff1d(i,iv); jnp.setdiff1d(i,iv,size=4,fill_value=-1); jnp.setxor1d(i,iv);
jnp.setxor1d(i,iv,size=5); jnp.intersect1d(i,iv); jnp.intersect1d(i,iv,return_indices=True);
jnp.intersect1d(i,iv,size=5,fill_value=-1)
"""
POLYNOMIALS = """
jnp.polyval(v,u); jnp.polyval(v,2); jnp.polyval(jnp.arange(50),.5); jnp.polyadd(v,u[:2]);
jnp.polysub(u[:2],v); jnp.polymul(v,u); jnp.polymul(i[0],i[1]); jnp.polydiv(v,u[:2]);
jnp.polyder(v); jnp.polyder(v,2); jnp.polyint(v); jnp.polyint(v,2,k=jnp.array([1,2]));
jnp.poly(v); jnp.poly(A); jnp.sort(jnp.roots(v)); jnp.vander(v);
jnp.vander(i[0],3,increasing=True); jnp.polyfit(v,u,2); jnp.polyfit(v,u,1,w=u);
jnp.polyfit(v,u,2,cov=True); jnp.polyfit(v,jnp.stack([u,v],1),1); jnp.polyfit(v,u,2,full=True)
"""
WINDOWS_AND_PADDING = """
jnp.bartlett(5); jnp.blackman(6); jnp.hamming(5); jnp.hanning(4); jnp.kaiser(5,3.); jnp.i0(v);
jnp.pad(x,1); jnp.pad(x,((1,2),(0,3)),constant_values=5); jnp.pad(x,(1,2),mode='edge');
jnp.pad(x,2,mode='reflect'); jnp.pad(x,7,mode='reflect'); jnp.pad(x,5,mode='symmetric');
jnp.pad(x,5,mode='wrap'); jnp.pad(x,2,mode='linear_ramp',end_values=3);
jnp.pad(i,2,mode='mean'); jnp.pad(x,2,mode='maximum',stat_length=2);
jnp.pad(x,2,mode='median'); jnp.pad(v,3,mode='reflect',reflect_type='odd');
jnp.pad(v,9,mode='reflect',reflect_type='odd');
jnp.pad(v,7,mode='symmetric',reflect_type='odd');
jnp.pad(x,((1,2),(3,4)),constant_values=((1,2),(3,4))); jnp.pad(x,-1); jnp.pad(x,1,mode='foo')
"""
FUNCTIONAL_AND_MORE = """
jnp.vectorize(lambda a,b:a@b,signature='(n),(n)->()')(x,y);
jnp.vectorize(lambda a,b:a+b)(x,v[:4]);
jnp.vectorize(lambda a,b:jnp.outer(a,b),signature='(n),(m)->(n,m)')(t3,u);
jnp.vectorize(lambda a,n:a*n,excluded=[1])(x,3); jnp.apply_along_axis(jnp.sum,0,t3);
jnp.apply_along_axis(lambda q:q[:2],1,t3); jnp.apply_over_axes(jnp.sum,t3,(0,2));
jnp.packbits(b); jnp.packbits(b,1,'little'); jnp.unpackbits(u8); jnp.unpackbits(u8,1,count=5);
jnp.unpackbits(u8,0,bitorder='little'); jnp.insert(v,2,9.); jnp.insert(v,[1,3],[7.,8.]);
jnp.insert(v,jnp.array([1,3]),jnp.array([7.,8.])); jnp.insert(x,1,5.,axis=1);
jnp.insert(x,1,v[:4],axis=0); jnp.insert(x,slice(1,3),2.,axis=1); jnp.delete(v,1);
jnp.delete(x,jnp.array([0,2]),1); jnp.delete(x,slice(1,3),1);
jnp.delete(v,iv,assume_unique_indices=True); jnp.trim_zeros(jnp.array([0,0,1,0,2,0]));
jnp.unravel_index(iv,(2,2)); jnp.ravel_multi_index((iv,iv),(3,4));
jnp.ravel_multi_index((iv,iv),(2,4),mode='clip'); jnp.add.reduce(x);
jnp.multiply.reduce(x,axis=1); jnp.maximum.reduce(x,axis=None); jnp.add.accumulate(x);
jnp.maximum.accumulate(x,axis=1); jnp.subtract.outer(v,u); jnp.add.at(v,iv,1.,inplace=False);
jnp.subtract.reduce(x); jnp.add.reduceat(v,jnp.array([0,2,3])); jnp.logaddexp.reduce(x,axis=1);
jnp.frompyfunc(lambda a,b:a*b,2,1).outer(v,u); jnp.logical_and.reduce(b);
jnp.bitwise_or.reduce(i); jnp.multiply.at(v,jnp.array([0,0]),2.,inplace=False);
jnp.fromfunction(lambda a,c:a+c,(2,3)); jnp.frombuffer(bytes(16)); jnp.result_type(i8,f);
jnp.promote_types('int8','float16'); jnp.can_cast('int8','int16');
jnp.issubdtype(jnp.bfloat16,jnp.floating); jnp.iscomplexobj(z); jnp.isscalar(w);
jnp.finfo('float32').eps; jnp.iinfo(jnp.int8).max; jnp.float32(3); jnp.int8([1,2]);
jnp.bool_(3); jnp.shape(x); jnp.size(x,1); jnp.ndim(x); jnp.array_equal(x,x);
jnp.array_equal(nan,nan,equal_nan=True); jnp.array_equiv(x,x[None]); jnp.allclose(x,x+1e-10);
jnp.nan_to_num(nan,nan=3.); jnp.nan_to_num(nan,nan=-jnp.inf);
jnp.dtype('int8'); jnp.float32==np.float32;
jnp.isdtype('int8','integral')
"""
CORNERS = """
jnp.cumsum(i,dtype=bool); jnp.cumprod(i[0],dtype=bool); jnp.cumulative_sum(v,dtype=bool);
jnp.sum(i,dtype=bool,axis=0); jnp.prod(i,dtype=bool,axis=0); jnp.sum(x,where=i);
jnp.mean(x,where=i); jnp.var(x,where=i); jnp.all(b,where=i); jnp.nansum(x,where=i);
jnp.max(x,where=i,initial=0); jnp.var(v,dtype=complex); jnp.var(z,dtype=float);
jnp.std(z,dtype='complex64'); jnp.cov(e); jnp.cov(e,rowvar=False); jnp.cov(e[:,0]);
jnp.cov(v,dtype='bfloat16'); jnp.cov(v,dtype=int); jnp.cov(v,aweights=u>.5);
jnp.cov(v,fweights=u>.5); jnp.quantile(h,jnp.float32(.5)); jnp.quantile(f,u);
jnp.setdiff1d(i8,v); jnp.setdiff1d(i,v,size=3); jnp.setxor1d(iv,iv+1,assume_unique=True);
jnp.setxor1d(i,i8,assume_unique=True); jnp.unique(jnp.array([1,np.nan,complex(0,np.nan),1j]));
jnp.unique(jnp.array([complex(2,np.nan),np.nan,1]),return_index=True,return_inverse=True);
jnp.add.reduceat(x,jnp.zeros(0,int)); jnp.add.nargs; jnp.add.identity;
jnp.cumulative_prod(i8[0]); jnp.cumulative_sum(i8[0]); jnp.cumulative_prod(v>1);
jnp.angle(i8); jnp.angle(b); jnp.angle(i); jnp.argpartition(v,2).dtype;
jnp.polyder(v); jnp.polyder(v,0); jnp.histogram_bin_edges(v,jnp.sort(v)); jnp.frombuffer(x,x.dtype);
jnp.histogramdd(x[:,:2],jnp.array([[0,1],[0,2]])); S.erfcx(z)
"""

STRICT = """
jnp.histogram(i[0]); jnp.histogram(b[0]); jnp.trapezoid(i[0]); jnp.histogram2d(i[0],i[0]);
jnp.roots(z[0]); jnp.cov(x); jnp.average(i); jnp.percentile(x,50.); jnp.linspace(0,1,5)
"""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("expression", table("\n".join([PRODUCTS, EINSUM])))
def test_products(expression):
    check(expression, tolerance=1e-9)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("expression", table("\n".join([LINALG, FFT])))
def test_linear_algebra(expression):
    check(expression, tolerance=1e-9)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("expression", table("\n".join([STATISTICS, COUNTING, SIGNAL])))
def test_statistics(expression):
    check(expression, tolerance=1e-9)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("expression", table("\n".join(
    [SETS, POLYNOMIALS, WINDOWS_AND_PADDING, FUNCTIONAL_AND_MORE, CORNERS])))
def test_the_rest(expression):
    check(expression, tolerance=1e-8)


@pytest.mark.parametrize("expression", table(STRICT))
def test_strict_promotion_is_for_what_users_mix(expression):
    with jax.numpy_dtype_promotion("strict"), ingot.numpy_dtype_promotion("strict"):
        check(expression, tolerance=1e-8)
